// Places an order and publishes it in one transaction, with pg.
//
//   npm ci
//   DATABASE_URL=postgres://order_service:order_service@localhost/shop node place_order.js

import { randomUUID } from 'node:crypto';
import pg from 'pg';

// Runs work in a transaction, which rolls back if work throws.
async function inTransaction(client, work) {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

// Writes the order and its event. Doing so twice changes nothing.
async function place(client, order) {
  await client.query(
    `INSERT INTO shop.orders (order_id, order_number, restaurant_id, customer_id, status, total, placed_event_id)
     VALUES ($1, $2, $3, $4, 'Placed', $5, $6) ON CONFLICT (order_id) DO NOTHING`,
    [order.id, order.number, order.restaurantId, order.customerId, order.total, order.eventId],
  );
  await client.query(
    `SELECT herald.publish_order_event('OrderPlaced', $1, $2, 'Placed', $3, $4,
       estimated_delivery_time => $5, event_id => $6)`,
    [order.id, order.number, order.restaurantId, order.customerId, new Date(Date.now() + 30 * 60_000), order.eventId],
  );
}

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
try {
  // 1. The order and its event: both or neither.
  const first = {
    id: randomUUID(), eventId: randomUUID(), restaurantId: randomUUID(),
    number: 'YZ-1024', customerId: 'customer-1', total: '31.50',
  };
  await inTransaction(client, () => place(client, first));
  console.log('placed', first.id, first.eventId);

  // 2. A transaction that rolls back publishes nothing.
  const declined = new Error('the card was declined');
  const second = { ...first, id: randomUUID(), eventId: randomUUID() };
  try {
    await inTransaction(client, async () => {
      await place(client, second);
      throw declined;
    });
  } catch (error) {
    if (error !== declined) throw error;
  }
  console.log('rolled back', second.id, second.eventId);

  // 3. The connection broke and nobody knows whether the first transaction committed: do it again. The same event id is
  //    delivered once.
  await inTransaction(client, () => place(client, first));
  console.log('retried', first.id, first.eventId);
} finally {
  await client.end();
}
