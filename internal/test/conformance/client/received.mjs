// Says what handlers are given: node received.mjs json|messagepack CALLS, which are JSON, a list of {url, token, method, args}. Each is made on a
// connection of its own, one after another, and prints one JSON object a line for each invocation until then and for the result: its name,
// and what came as JavaScript would write it.
import * as signalR from '@microsoft/signalr';
import { MessagePackHubProtocol } from '@microsoft/signalr-protocol-msgpack';

const methods = [
  'ReceiveOrderStatusChanged', 'ReceiveCartUpdated', 'ReceivePaymentEvent', 'ReceiveConverted', 'UserActivityUpdate', 'AnalyticsUpdate', 'RevenueUpdate',
  'SystemAlert', 'AdminNotification', 'ConnectionEstablished', 'ErrorOccurred', 'ReceiveMessage',
];

const written = (v) => {
  if (v instanceof Date) {
    return `new Date('${v.toISOString()}')`;
  }
  if (Array.isArray(v)) {
    return `[${v.map(written).join(', ')}]`;
  }
  if (v !== null && typeof v === 'object') {
    return `{ ${Object.entries(v).map(([name, member]) => `${/^\w+$/.test(name) ? name : `'${name}'`}: ${written(member)}`).join(', ')} }`;
  }
  return typeof v === 'string' ? `'${v}'` : String(v);
};

const [protocol, calls] = process.argv.slice(2);
const say = (name, values) => process.stdout.write(JSON.stringify({ name, text: values.map(written).join(', ') }) + '\n');

for (const { url, token, method, args } of JSON.parse(calls)) {
  const connection = new signalR.HubConnectionBuilder()
    .withUrl(url, { transport: signalR.HttpTransportType.WebSockets, accessTokenFactory: () => token })
    .withHubProtocol(protocol === 'json' ? new signalR.JsonHubProtocol() : new MessagePackHubProtocol())
    .configureLogging(signalR.LogLevel.None)
    .build();
  for (const name of methods) {
    connection.on(name, (...values) => say(name, values));
  }
  await connection.start();
  try {
    say('result', [await connection.invoke(method, ...args)]);
  } catch (error) {
    say('error', [error.message]);
  }
  await connection.stop();
}
