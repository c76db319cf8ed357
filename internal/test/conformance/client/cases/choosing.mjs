// Which transport the client ends up with: by what the server offers, by what the client may, and by what works.
import * as signalR from '@microsoft/signalr';
import { automatic } from './exceptions.mjs';

const { WebSockets, ServerSentEvents, LongPolling } = signalR.HttpTransportType;

const none = 'Unable to connect to the server with any of the available transports. ';
const disabled = (name) => `${name} failed: Error: '${name}' is disabled by the client.`;

function broken() {
  throw new Error('on purpose');
}

// used says which transport a connection's requests belong to, and that it works both ways.
async function used(t, c) {
  const messages = c.record('Message');
  await c.invoke('CallMe', 'x');
  t.equal(messages.calls, [['x']]);
  const gets = await t.requests({ method: 'GET' });
  const last = gets.at(-1);
  return last.upgrade ? 'WebSockets' : last.accept === 'text/event-stream' ? 'ServerSentEvents' : 'LongPolling';
}

const negotiations = (t) => t.requests({ method: 'POST' }).then((all) => all.filter((r) => r.path.endsWith('/negotiate')).length);

// Server-sent events carry text alone, so with MessagePack the client goes on to long polling.
const behindWebSockets = (t) => (t.json ? 'ServerSentEvents' : 'LongPolling');

export const aboutChoosing = [
  ['WebSockets first', async (t) => {
    t.equal(await used(t, await t.connect()), 'WebSockets');
    t.equal(await negotiations(t), 1);
  }, automatic],

  ['what negotiate offers', async (t) => {
    const both = ['Text', 'Binary'];
    for (const [hub, offered] of Object.entries({
      default: [{ transport: 'WebSockets', transferFormats: both }, { transport: 'ServerSentEvents', transferFormats: ['Text'] },
        { transport: 'LongPolling', transferFormats: both }],
      'without-websockets': [{ transport: 'ServerSentEvents', transferFormats: ['Text'] }, { transport: 'LongPolling', transferFormats: both }],
      'events-alone': [{ transport: 'ServerSentEvents', transferFormats: ['Text'] }],
      'polling-alone': [{ transport: 'LongPolling', transferFormats: both }],
    })) {
      const response = await fetch(`${t.server}/${hub}/negotiate?negotiateVersion=1`, { method: 'POST' });
      t.equal((await response.json()).availableTransports, offered);
    }
  }, automatic],

  // Acceptance: A-174.
  ['a server without WebSockets', async (t) => {
    t.equal(await used(t, await t.connect({ hub: 'without-websockets' })), behindWebSockets(t));
    t.equal(await negotiations(t), 1);
  }, automatic],

  ['a server with long polling alone', async (t) => {
    t.equal(await used(t, await t.connect({ hub: 'polling-alone' })), 'LongPolling');
    t.equal(await negotiations(t), 1);
  }, automatic],

  ['a server with server-sent events alone', async (t) => {
    t.equal(await used(t, await t.connect({ hub: 'events-alone' })), 'ServerSentEvents');
  }, { ...automatic, messagepack: 'see the next' }],

  ['a server with server-sent events alone is of no use to MessagePack', async (t) => {
    await t.refused(t.client({ hub: 'events-alone' }).connection.start(),
      `${none}ServerSentEvents failed: Error: 'ServerSentEvents' does not support Binary.`);
  }, { ...automatic, json: 'see the one before' }],

  // Acceptance: A-174.
  ['a WebSocket that cannot be made', async (t) => {
    t.equal(await used(t, await t.connect({ http: { WebSocket: broken } })), behindWebSockets(t));
    t.equal(await negotiations(t), 2); // a token is good for one attempt
  }, automatic],

  ['neither a WebSocket nor an EventSource that can be made', async (t) => {
    t.equal(await used(t, await t.connect({ http: { WebSocket: broken, EventSource: broken } })), 'LongPolling');
    t.equal(await negotiations(t), t.json ? 3 : 2);
  }, automatic],

  ['a WebSocket that the server refuses', async (t) => {
    const tokens = ['good', 'bad']; // for negotiate, and for the WebSocket
    const c = await t.connect({ hub: 'guarded', http: { accessTokenFactory: () => tokens.shift() ?? 'good' } });
    t.equal(await used(t, c), behindWebSockets(t));
    t.equal(await c.invoke('UserName'), 'known');
    t.equal(await negotiations(t), 2);
  }, automatic],

  ['a choice of two', async (t) => {
    t.equal(await used(t, await t.connect({ http: { transport: ServerSentEvents | LongPolling } })), behindWebSockets(t));
  }, automatic],

  ['a transport that the server does not offer', async (t) => {
    await t.refused(t.client({ hub: 'polling-alone', http: { transport: WebSockets } }).connection.start(), none + disabled('LongPolling'));
    await t.refused(t.client({ hub: 'without-websockets', http: { transport: WebSockets } }).connection.start(),
      `${none}${disabled('ServerSentEvents')} ${disabled('LongPolling')}`);
  }, automatic],

  ['a WebSocket without negotiation that the server does not offer', async (t) => {
    await t.refused(t.client({ hub: 'polling-alone', http: { transport: WebSockets, skipNegotiation: true } }).connection.start(),
      /^WebSocket failed to connect\./);
  }, automatic],

  ['another transport behind a reconnection', async (t) => {
    const c = t.client({ reconnect: true, query: { n: '1' } });
    await c.connection.start();
    t.equal(await used(t, c), 'WebSockets');
    c.connection.onreconnecting(() => {
      c.connection.baseUrl = c.connection.baseUrl.replace('/default?', '/without-websockets?');
    });
    await c.send('CloseMe', '', true);
    await t.until(c.reconnected.promise, 'reconnection');
    t.equal(await c.invoke('Echo', 'x'), 'x');
    const last = (await t.requests({ method: 'GET' })).at(-1);
    t.equal([last.path, last.upgrade], ['/without-websockets', false]);
  }, automatic],
];
