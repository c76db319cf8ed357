// Silence, on either side, and what is done against it. "/brisk" gives up on a client that says nothing for 2 s, "/steady" for 5 s.
import { notLongPolling, webSocketsAlone } from './exceptions.mjs';

const timedOut = 'Server timeout elapsed without receiving a message from the server.';
const withError = 'Server returned an error on close: Connection closed with an error.';

const never = 3_600_000; // ms

// Longer than either side's patience on "/steady".
const idle = 6500; // ms

export const aboutTimeouts = [
  ['of the client, for a server that says nothing', async (t) => {
    const c = await t.connect();
    const connection = c.id;
    c.connection.serverTimeoutInMilliseconds = 1; // only now, so that the handshake has time
    await c.invoke('Echo', '').catch(() => {});
    t.equal(await c.gone(), timedOut);
    t.equal(c.closes, 1);
    await t.ask('ended', { connection });
  }, notLongPolling('a poll has its own time-out, and the client relies on it')],

  ['of the client, for a line that is dead', async (t) => {
    const proxy = await t.proxy();
    const c = await t.connect({ at: proxy.url, hub: 'steady', configure: (b) => b.withServerTimeout(3000) });
    await c.invoke('Nothing');
    await proxy.stall();
    t.equal(await c.gone(), timedOut);
  }, notLongPolling('a poll has its own time-out, and the client relies on it')],

  ['of the server, for a client that says nothing', async (t) => {
    const c = await t.connect({ hub: 'brisk', configure: (b) => b.withKeepAliveInterval(never) });
    const connection = c.id;
    t.equal(await c.gone(), withError);
    t.ok((await t.ask('ended', { connection })).error, 'the server has heard of no error');
  }, notLongPolling('a poll that waits is a sign of life')],

  ['of the server: the client may reconnect', async (t) => {
    const c = await t.connect({ hub: 'brisk', reconnect: true, configure: (b) => b.withKeepAliveInterval(never) });
    t.equal((await t.until(c.reconnecting.promise, 'reconnecting')).message, withError);
    await t.until(c.reconnected.promise, 'reconnection');
    t.equal(await c.invoke('Echo', 'x'), 'x');
  }, notLongPolling('a poll that waits is a sign of life')],

  ['of the server, for a line that is dead', async (t) => {
    const proxy = await t.proxy();
    const c = await t.connect({ at: proxy.url, hub: 'steady', configure: (b) => b.withServerTimeout(never) });
    const connection = c.id;
    await c.invoke('Nothing');
    await proxy.stall();
    t.ok((await t.ask('ended', { connection })).error, 'the server has heard of no error');
    await proxy.resume();
    await c.gone();
  }],

  ['of the server is not for a method that runs long', async (t) => {
    const c = await t.connect({ hub: 'steady', configure: (b) => b.withKeepAliveInterval(400) });
    const held = c.invoke('Hold', t.tag);
    await t.pause(idle);
    await t.ask('release', { key: t.tag });
    t.equal(await held, t.tag);
  }],

  ['pings keep an idle connection alive', async (t) => {
    const c = await t.connect({ hub: 'steady', configure: (b) => b.withKeepAliveInterval(400).withServerTimeout(5000) });
    const { id } = c;
    await t.pause(idle);
    t.equal(await c.invoke('ConnectionID'), id);
    t.equal([c.closes, c.reconnecting.happened], [0, undefined]);
  }],

  ['the server notices that the connection is cut', async (t) => {
    const proxy = await t.proxy();
    const c = await t.connect({ at: proxy.url });
    const connection = c.id;
    await c.invoke('Nothing');
    await proxy.cut('reset');
    await c.gone();
    t.ok((await t.ask('ended', { connection })).error, 'the server has heard of no error');
  }, webSocketsAlone('another request may follow')],

  ['the server notices that the client half-closes', async (t) => {
    const proxy = await t.proxy();
    const c = await t.connect({ at: proxy.url });
    const connection = c.id;
    await c.invoke('Nothing');
    await proxy.cut('half');
    t.ok((await t.ask('ended', { connection })).error, 'the server has heard of no error');
    await c.gone();
  }, webSocketsAlone('another request may follow')],
];
