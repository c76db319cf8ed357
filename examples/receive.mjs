// Follows an order in the terminal:
//
//   HERALD_URL=http://localhost:5006 HERALD_TOKEN=… node receive.mjs ORDER_ID
//
// Ctrl-C ends it.
import { followOrder } from './orders.mjs';

const { HERALD_URL: url = 'http://localhost:5006', HERALD_TOKEN: token = '', HERALD_RETRY_DELAYS: delays } = process.env;
const [orderId] = process.argv.slice(2);
if (!orderId || !token) {
  console.error('usage: HERALD_TOKEN=… node receive.mjs ORDER_ID');
  process.exit(2);
}

const stop = followOrder({
  url,
  token: () => token,
  orderId,
  refetch: () => console.log('joined: from here on nothing is missed'), // a page asks its own service for the order here
  onOrder: (order) => console.log(order.sequence, order.status, order.eventId),
  retryDelays: delays?.split(',').map(Number), // for the impatient: milliseconds
});
process.once('SIGINT', stop);
