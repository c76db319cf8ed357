// Follows a hub with MessagePack: node follow.mjs URL TOKEN METHOD ARGUMENTS… invokes the method, whose arguments are JSON, and prints one JSON
// object a line: what the connection was sent, what the invocation came to, and that it was closed. It ends with its input.
import * as signalR from '@microsoft/signalr';
import { MessagePackHubProtocol } from '@microsoft/signalr-protocol-msgpack';

const events = [
  'ReceiveOrderPlaced', 'ReceiveOrderStatusChanged', 'ReceiveCartUpdated', 'ReceivePaymentEvent', 'ReceiveConverted', 'UserActivityUpdate', 'SystemAlert',
];

const [url, token, method, ...args] = process.argv.slice(2);
const say = (line) => process.stdout.write(JSON.stringify(line, (_, v) => (typeof v === 'bigint' ? v.toString() : v)) + '\n');

const connection = new signalR.HubConnectionBuilder()
  .withUrl(url, { transport: signalR.HttpTransportType.WebSockets, accessTokenFactory: () => token })
  .withHubProtocol(new MessagePackHubProtocol())
  .configureLogging(signalR.LogLevel.None)
  .build();
for (const event of events) {
  connection.on(event, (...sent) => say({ event, args: sent }));
}
connection.onclose((error) => say({ closed: error?.message ?? '' }));
await connection.start();
say({ result: await connection.invoke(method, ...args.map((arg) => JSON.parse(arg))) });
process.stdin.on('end', () => process.exit(0)).resume();
