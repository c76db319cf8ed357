-- Places an order and publishes it in one transaction.
--
--   psql "$DATABASE_URL" -f place_order.sql
--
-- DATABASE_URL is that of the order service's own login, a member of herald_producer (order_service.sql).

\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\o /dev/null

SELECT gen_random_uuid() AS order_id, gen_random_uuid() AS event_id, gen_random_uuid() AS restaurant_id,
    gen_random_uuid() AS other_order_id, gen_random_uuid() AS other_event_id \gset

-- 1. The order and its event: both or neither.
BEGIN;
INSERT INTO shop.orders (order_id, order_number, restaurant_id, customer_id, status, total, placed_event_id)
    VALUES (:'order_id', 'YZ-1024', :'restaurant_id', 'customer-1', 'Placed', 31.50, :'event_id');
SELECT herald.publish_order_event(
    event_type              => 'OrderPlaced',
    order_id                => :'order_id',
    order_number            => 'YZ-1024',
    status                  => 'Placed',
    restaurant_id           => :'restaurant_id',
    customer_id             => 'customer-1',
    estimated_delivery_time => now() + interval '30 minutes',
    event_id                => :'event_id',
    extra                   => jsonb_build_object('total', 31.50),  -- further fields, which reach the order's clients
    traceparent             => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
COMMIT;
\echo placed :order_id :event_id

-- 2. A transaction that rolls back publishes nothing. This one inserts into the table, which is what the functions do as well.
BEGIN;
INSERT INTO shop.orders (order_id, order_number, restaurant_id, customer_id, status, total, placed_event_id)
    VALUES (:'other_order_id', 'YZ-1025', :'restaurant_id', 'customer-1', 'Placed', 12.00, :'other_event_id');
INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, payload)
    VALUES (:'other_event_id', 'OrderPlaced', :'other_order_id', :'restaurant_id', 'customer-1',
        jsonb_build_object('orderNumber', 'YZ-1025', 'status', 'Placed'));
ROLLBACK; -- the card was declined
\echo rolled back :other_order_id :other_event_id

-- 3. The connection broke and nobody knows whether the first transaction committed: do it again. The order is there already, and the
--    same event id is delivered once.
BEGIN;
INSERT INTO shop.orders (order_id, order_number, restaurant_id, customer_id, status, total, placed_event_id)
    VALUES (:'order_id', 'YZ-1024', :'restaurant_id', 'customer-1', 'Placed', 31.50, :'event_id')
    ON CONFLICT (order_id) DO NOTHING;
SELECT herald.publish_order_event('OrderPlaced', :'order_id', 'YZ-1024', 'Placed', :'restaurant_id', 'customer-1',
    event_id => :'event_id');
COMMIT;
\echo retried :order_id :event_id
