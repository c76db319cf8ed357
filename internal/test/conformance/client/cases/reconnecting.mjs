// Connections that come back as new ones: withAutomaticReconnect.
import { cancelled } from '../context.mjs';
import { webSocketsAlone } from './exceptions.mjs';

const withError = 'Server returned an error on close: ';
const timedOut = 'Server timeout elapsed without receiving a message from the server.';

// What the client makes of a TCP connection that is reset.
const lost = {
  WebSockets: 'WebSocket closed with status code: 1006 (no reason given).',
  ServerSentEvents: undefined,
  LongPolling: 'fetch failed',
};

// comesBack awaits the reconnection, and that it is a new connection that works in both directions.
async function comesBack(t, c, before) {
  const now = await t.until(c.reconnected.promise, 'reconnection');
  t.ok(now && now !== before, `connection ids before and after: ${before}, ${now}`);
  t.equal(c.id, now);
  t.equal(await c.invoke('ConnectionID'), now);
  const messages = c.record('Message');
  await c.invoke('CallMe', 'back');
  t.equal(messages.calls, [['back']]);
  t.equal([c.reconnects, c.closes], [1, 0], 'reconnects and closes');
}

export const aboutReconnecting = [
  ['behind a close by the server that allows it', async (t) => {
    const c = await t.connect({ reconnect: true });
    const before = c.id;
    await c.send('CloseMe', 'Come back.', true);
    t.equal((await t.until(c.reconnecting.promise, 'reconnecting')).message, `${withError}Come back.`);
    await comesBack(t, c, before);
  }],

  ['behind a close by the server without an error', async (t) => {
    const c = await t.connect({ reconnect: true });
    const before = c.id;
    await c.send('CloseMe', '', true);
    t.equal(await t.until(c.reconnecting.promise, 'reconnecting'), undefined);
    await comesBack(t, c, before);
  }],

  // Acceptance.
  ['with the published delays', async (t) => {
    const c = await t.connect({ configure: (b) => b.withAutomaticReconnect() });
    const before = c.id;
    await c.send('CloseMe', '', true);
    await comesBack(t, c, before);
  }],

  // Acceptance.
  ['behind a lost connection', async (t) => {
    const proxy = await t.proxy();
    const c = await t.connect({ at: proxy.url, reconnect: true });
    const connection = c.id;
    await c.invoke('Nothing');
    await proxy.cut('reset');
    t.equal((await t.until(c.reconnecting.promise, 'reconnecting'))?.message, lost[t.transport]);
    await comesBack(t, c, connection);
  }],

  ['behind silence', async (t) => {
    const c = await t.connect({ reconnect: true });
    const before = c.id;
    c.connection.serverTimeout();
    t.equal((await t.until(c.reconnecting.promise, 'reconnecting')).message, timedOut);
    await comesBack(t, c, before);
  }],

  ['fails the calls in flight', async (t) => {
    const c = await t.connect({ reconnect: true });
    const before = c.id;
    const held = t.refused(c.invoke('Hold', t.tag), cancelled);
    await t.ask('holding', { key: t.tag });
    await t.ask('close', { connection: before, reconnect: true });
    await held;
    await comesBack(t, c, before);
  }],

  ['several times', async (t) => {
    const c = await t.connect({ reconnect: true });
    const ids = [c.id];
    for (let i = 1; i <= 3; i++) {
      const again = new Promise((resolve) => c.connection.onreconnected(resolve));
      await c.send('CloseMe', '', true);
      ids.push(await t.until(again, `reconnection ${i}`));
      t.equal(await c.invoke('ConnectionID'), ids.at(-1));
    }
    t.equal(new Set(ids).size, 4, 'different ids');
  }],

  ['asks for an access token again', async (t) => {
    let token = 'good one';
    const c = await t.connect({ hub: 'guarded', reconnect: true, http: { accessTokenFactory: () => token } });
    const before = c.id;
    await c.invoke('Nothing');
    token = 'good other';
    await c.send('CloseMe', '', true);
    await comesBack(t, c, before);
    const last = (await t.requests()).at(-1);
    t.equal(last.authorization || `Bearer ${last.accessToken}`, 'Bearer good other');
  }],

  // Acceptance: A-065.
  ['gives up when the policy is at its end', async (t) => {
    let token = 'good';
    const c = await t.connect({ hub: 'guarded', reconnect: [0, 10, 20], http: { accessTokenFactory: () => token } });
    await c.invoke('Nothing');
    token = 'bad';
    await c.send('CloseMe', '', true);
    t.equal(await c.gone(), undefined);
    t.equal([c.reconnecting.happened, c.reconnects], [true, 0], 'reconnecting, reconnects');
    t.equal((await t.requests({ path: '/guarded/negotiate' })).length, 4, 'negotiations');
  }],

  ['is not tried when the client stops', async (t) => {
    const c = await t.connect({ reconnect: true });
    await c.stop();
    t.equal([c.reconnecting.happened, c.closes], [undefined, 1]);
  }],

  ['can be stopped', async (t) => {
    const c = await t.connect({ reconnect: [60_000] });
    await c.send('CloseMe', '', true);
    await t.until(c.reconnecting.promise, 'reconnecting');
    await c.stop();
    t.equal([c.closes, c.reconnects], [1, 0]);
  }],

  ['with another URL', async (t) => {
    const c = t.client({ reconnect: true, query: { where: 'here' } });
    await c.connection.start();
    t.equal(await c.invoke('Query', 'where'), 'here');
    const before = c.id;
    c.connection.onreconnecting(() => {
      c.connection.baseUrl = c.connection.baseUrl.replace('where=here', 'where=there');
    });
    await c.send('CloseMe', '', true);
    await comesBack(t, c, before);
    t.equal(await c.invoke('Query', 'where'), 'there');
  }],

  ['without negotiation', async (t) => {
    const c = await t.connect({ reconnect: true, http: { skipNegotiation: true } });
    const before = await c.invoke('ConnectionID');
    c.connection.serverTimeout();
    t.equal(await t.until(c.reconnected.promise, 'reconnection'), undefined);
    t.equal(await c.invoke('Echo', 'test'), 'test');
    t.ok(await c.invoke('ConnectionID') !== before, 'the server knows the connection by the same id');
  }, webSocketsAlone('only a WebSocket can do without negotiation')],
];
