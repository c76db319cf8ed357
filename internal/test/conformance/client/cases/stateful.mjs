// Stateful reconnect: the connection outlives its WebSocket. A proxy cuts the WebSocket, also in the middle of a message; nothing may
// be lost, repeated or out of order, and neither side may notice but by the time that it takes.
import * as signalR from '@microsoft/signalr';
import { webSocketsAlone } from './exceptions.mjs';

const alone = webSocketsAlone('only a WebSocket can be replaced');
const timedOut = 'Server timeout elapsed without receiving a message from the server.';
const lost = 'WebSocket closed with status code: 1006 (no reason given).';

// through connects through a proxy of the case's own.
async function through(t, options = {}) {
  const proxy = await t.proxy();
  const c = await t.connect({ at: proxy.url, stateful: true, ...options });
  return { c, proxy, id: c.id };
}

// unnoticed checks that the connection is still the one that it was, and that it took so many WebSockets.
async function unnoticed(t, c, id, sockets) {
  t.equal(await c.invoke('ConnectionID'), id);
  t.equal(c.id, id);
  t.equal([c.closes, c.reconnecting.happened], [0, undefined], 'closes, reconnecting');
  const upgrades = await t.requests({ upgrade: true });
  t.equal(new Set(upgrades.map((r) => r.id)).size, 1, 'tokens');
  t.equal(upgrades.length, sockets, 'WebSockets');
}

// replaced waits until the WebSocket that was cut has been replaced.
async function replaced(t, sockets) {
  while ((await t.requests({ upgrade: true })).length < sockets) {
    await t.pause(10);
  }
}

const cuts = ['reset', 'close', 'half'];

// Bytes that still pass before a cut, of the 2,500 at least that a round has.
const remainders = [1, 17, 173, 1730, 2477];

export const aboutStatefulReconnect = [
  ...cuts.map((how) => [`a WebSocket that is cut by ${how}`, async (t) => {
    const { c, proxy, id } = await through(t);
    const messages = c.record('Message');
    await c.invoke('CallMe', 'before');
    await proxy.cut(how);
    await c.invoke('CallMe', 'behind');
    t.equal(messages.calls, [['before'], ['behind']]);
    await unnoticed(t, c, id, 2);
  }, alone]),

  ['an idle connection', async (t) => {
    const { c, proxy, id } = await through(t);
    await proxy.cut();
    await replaced(t, 2);
    const messages = c.record('Message');
    await t.ask('send', { connection: id, target: 'Message', args: ['news'] });
    t.equal(await messages.first(1), [['news']]);
    await unnoticed(t, c, id, 2);
  }, alone],

  ['an invocation in flight', async (t) => {
    const { c, proxy, id } = await through(t);
    const held = c.invoke('Hold', t.tag);
    const queued = c.invoke('Echo', 'behind it');
    await proxy.cut();
    await replaced(t, 2);
    await t.ask('release', { key: t.tag });
    t.equal(await t.until(held, 'the call in flight'), t.tag);
    t.equal(await t.until(queued, 'the call behind it'), 'behind it');
    await unnoticed(t, c, id, 2);
  }, alone],

  ['an invocation that is refused meanwhile', async (t) => {
    const { c, proxy, id } = await through(t);
    await proxy.cutAfter({ down: 1 });
    await t.refused(c.invoke('Refuse', 'No.'), "An unexpected error occurred invoking 'Refuse' on the server. HubException: No.");
    await unnoticed(t, c, id, 2);
  }, alone],

  ['messages from the client', async (t) => {
    const { c, proxy, id } = await through(t);
    let n = 0;
    for (const bytes of remainders) {
      await proxy.cutAfter({ up: bytes });
      await Promise.all(Array.from({ length: 300 }, () => c.send('Note', n++)));
      await c.invoke('Nothing'); // so that the client is not cut while it repeats what was lost, which it does not survive
    }
    t.equal(await c.invoke('Noted'), t.members({ count: n, disorder: '' }));
    await unnoticed(t, c, id, remainders.length + 1);
  }, alone],

  ['messages from the server', async (t) => {
    const { c, proxy, id } = await through(t);
    const numbers = c.record('Number');
    for (const bytes of remainders) {
      await proxy.cutAfter({ down: bytes });
      t.equal(await c.invoke('Burst', 300), 300);
    }
    const calls = await numbers.first(300 * remainders.length);
    t.equal(calls.map(([i]) => i), remainders.flatMap(() => Array.from({ length: 300 }, (_, i) => i)));
    await unnoticed(t, c, id, remainders.length + 1);
    t.equal(numbers.calls.length, 300 * remainders.length);
  }, alone],

  ['calls and completions', async (t) => {
    const { c, proxy, id } = await through(t);
    for (const [round, bytes] of remainders.entries()) {
      await proxy.cutAfter({ [round % 2 ? 'up' : 'down']: bytes }, cuts[round % 2]);
      const calls = Array.from({ length: 300 }, (_, i) => c.invoke('Add', i, round));
      t.equal(await t.until(Promise.all(calls), `round ${round}`), calls.map((_, i) => i + round));
    }
    await unnoticed(t, c, id, remainders.length + 1);
  }, alone],

  ['both ways at once', async (t) => {
    const { c, proxy, id } = await through(t);
    const numbers = c.record('Number');
    let n = 0;
    for (const bytes of remainders) {
      await proxy.cutAfter({ down: bytes, up: bytes + 5 }, 'close');
      const burst = c.invoke('Burst', 200);
      await Promise.all(Array.from({ length: 200 }, () => c.send('Note', n++)));
      t.equal(await burst, 200);
      await c.invoke('Nothing');
    }
    t.equal((await numbers.first(n)).map(([i]) => i), remainders.flatMap(() => Array.from({ length: 200 }, (_, i) => i)));
    t.equal(await c.invoke('Noted'), t.members({ count: n, disorder: '' }));
    await unnoticed(t, c, id, remainders.length + 1);
  }, alone],

  ['in the middle of 100 KB from the client', async (t) => {
    const { c, proxy, id } = await through(t);
    await proxy.cutAfter({ up: 50_000 });
    const sent = 'x'.repeat(100_000);
    t.ok(await c.invoke('Echo', sent) === sent, 'what came back is not what was sent');
    await unnoticed(t, c, id, 2);
  }, alone],

  ['in the middle of 100 KB from the server', async (t) => {
    const { c, proxy, id } = await through(t);
    await proxy.cutAfter({ down: 50_000 });
    t.equal((await c.invoke('Letters', 100_000)).length, 100_000);
    await unnoticed(t, c, id, 2);
  }, alone],

  ['a stream from the server', async (t) => {
    const { c, proxy, id } = await through(t);
    await proxy.cutAfter({ down: 2477 });
    const items = await c.collect('Count', 500);
    t.equal(items, Array.from({ length: 500 }, (_, i) => i));
    await unnoticed(t, c, id, 2);
  }, alone],

  ['a stream from the client', async (t) => {
    const { c, proxy, id } = await through(t);
    await proxy.cutAfter({ up: 2477 });
    const up = new signalR.Subject();
    const call = c.invoke('NoteAll', up);
    for (let n = 0; n < 500; n++) {
      up.next(n);
    }
    up.complete();
    t.equal(await t.until(call, 'completion of NoteAll'), 500);
    t.equal(await c.invoke('Noted'), t.members({ count: 500, disorder: '' }));
    await unnoticed(t, c, id, 2);
  }, alone],

  ['a result of the client', async (t) => {
    const { c, proxy, id } = await through(t);
    c.on('Ask', async (n) => {
      await proxy.cut();
      return n + 1;
    });
    t.equal(await t.ask('ask', { connection: id, target: 'Ask', args: [41] }), { result: 42, error: '' });
    await unnoticed(t, c, id, 2);
  }, alone],

  ['acknowledgements by the server let the client go on', async (t) => {
    const c = await t.connect({ stateful: { bufferSize: 500 } });
    for (let n = 0; n < 20; n++) {
      await t.until(c.send('Note', n), `acknowledgement of message ${n}`);
    }
    t.equal(await c.invoke('Noted'), t.members({ count: 20, disorder: '' }));
  }, alone],

  ['acknowledgements by the client let the server go on', async (t) => {
    const c = await t.connect({ hub: 'steady', stateful: true }); // which keeps little
    const numbers = c.record('Number');
    t.equal(await c.invoke('Burst', 1000), 1000);
    t.equal((await numbers.first(1000)).findIndex(([n], i) => n !== i), -1, 'index of the first out of order');
  }, alone],

  ['pings keep the connection alive behind a cut', async (t) => {
    const { c, proxy, id } = await through(t, { hub: 'steady', configure: (b) => b.withKeepAliveInterval(400).withServerTimeout(5000) });
    await proxy.cut();
    await t.pause(6500);
    await unnoticed(t, c, id, 2);
  }, alone],

  ['a client that cannot come back', async (t) => {
    const { c, proxy, id } = await through(t, { hub: 'brisk' });
    const held = t.refused(c.invoke('Hold', t.tag), lost);
    await t.ask('holding', { key: t.tag });
    await proxy.shut();
    t.equal(await c.gone(), lost);
    await held;
    await t.ask('release', { key: t.tag });
    t.ok((await t.ask('ended', { connection: id })).error, 'the server has heard of no error');
  }, alone],

  ['a client that has given up', async (t) => {
    const { c, proxy, id } = await through(t, { hub: 'steady', configure: (b) => b.withServerTimeout(3000) });
    await c.invoke('Nothing');
    await proxy.stall();
    t.equal(await c.gone(), timedOut);
    t.ok((await t.ask('ended', { connection: id })).error, 'the server has heard of no error');
  }, alone],

  ['a client that stops says goodbye', async (t) => {
    const { c, proxy, id } = await through(t);
    await proxy.cut();
    await c.invoke('Nothing');
    await c.stop();
    t.equal(await c.gone(), undefined);
    t.equal(await t.ask('ended', { connection: id }), { error: '' });
  }, alone],

  ['a close by the server is for good', async (t) => {
    const { c, id } = await through(t);
    await c.send('CloseMe', 'So be it.', false);
    t.equal(await c.gone(), 'Server returned an error on close: So be it.');
    t.equal(await t.ask('ended', { connection: id }), { error: '' });
  }, alone],

  ['a close by the server that allows to reconnect makes a new connection', async (t) => {
    const { c, proxy, id } = await through(t, { reconnect: true });
    await proxy.cut();
    await c.send('CloseMe', '', true);
    const now = await t.until(c.reconnected.promise, 'reconnection');
    t.ok(now !== id, 'it is the old one');
    t.equal(await c.invoke('ConnectionID'), now);
    await proxy.cut();
    t.equal(await c.invoke('ConnectionID'), now, 'behind another cut');
  }, alone],

  ['a server that does not do it', async (t) => {
    const { c, proxy } = await through(t, { hub: 'stateless' });
    t.equal(await c.invoke('Echo', 'x'), 'x');
    await proxy.cut();
    t.equal(await c.gone(), lost);
    t.equal((await t.requests({ upgrade: true })).length, 1);
  }, alone],

  ['asked for over a transport that cannot', async (t) => {
    const c = await t.connect({ stateful: true });
    t.equal(await c.invoke('Echo', 'x'), 'x');
    const numbers = c.record('Number');
    await c.invoke('Burst', 10);
    t.equal((await numbers.first(10)).length, 10);
  }, { WebSockets: 'a WebSocket can' }],
];
