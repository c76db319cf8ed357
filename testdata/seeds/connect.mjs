// realtime-events-api.md: connecting to hubs
import * as signalR from '@microsoft/signalr';

const token = process.env.HERALD_TOKEN;

const customerConnection = new signalR.HubConnectionBuilder()
  .withUrl(process.env.HERALD_URL + '/hubs/customer-orders', {
    accessTokenFactory: () => token,
  })
  .withAutomaticReconnect()
  .build();

await customerConnection.start();

console.log('state', customerConnection.state);
await step('connected');
await customerConnection.stop();
console.log('state', customerConnection.state);
process.exit(0);
