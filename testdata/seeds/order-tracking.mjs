// realtime-events-api.md: customer order tracking
import * as signalR from '@microsoft/signalr';

const token = process.env.HERALD_TOKEN;
const orderId = 'f47ac10b-58cc-4372-a567-0e02b2c3d479';

const connection = new signalR.HubConnectionBuilder()
  .withUrl(process.env.HERALD_URL + '/hubs/customer-orders', {
    accessTokenFactory: () => token,
  })
  .withAutomaticReconnect()
  .build();

connection.on('ReceiveOrderStatusChanged', (payload) => {
  console.log('Order status changed:', payload.status);
});

await connection.start();
await connection.invoke('SubscribeToOrder', orderId);

await step('subscribed');
process.exit(0);
