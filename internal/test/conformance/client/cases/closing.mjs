// How connections end, as both sides see it.
import { cancelled } from '../context.mjs';

const withError = 'Server returned an error on close: ';
const connectionError = 'Connection closed with an error.';

// late is what a call is refused with that reaches a connection as it ends. Its request may have been answered so; or the client
// has not sent it yet, because the request before it is still under way, and has already stopped its transport.
const late = (text) => new RegExp(
  `^(${text.replaceAll('.', '\\.')}|(Not Found|No Connection with that ID): Status code '404'|Cannot send until the transport is connected)$`,
);

// refusedOnConnect: either start fails or the connection is closed behind it, and for good.
async function refusedOnConnect(t, hub, text) {
  const c = t.client({ hub, reconnect: true });
  const outcome = await t.until(c.connection.start().then(() => c.gone(), (error) => error.message), 'refusal');
  t.match(outcome, late(withError + text)); // start itself ends with a ping
  t.equal(c.reconnecting.happened, undefined, 'reconnecting');
  t.equal((await t.requests({ path: `/${hub}/negotiate` })).length, 1, 'negotiations');
}

export const aboutClosing = [
  ['by the client', async (t) => {
    const c = await t.connect();
    const connection = await c.invoke('ConnectionID');
    await c.stop();
    t.equal(await c.gone(), undefined);
    t.equal(await t.ask('ended', { connection }), { error: '' });
    t.equal(c.closes, 1);
  }],

  ['by the client, twice', async (t) => {
    const c = await t.connect();
    await Promise.all([c.stop(), c.stop()]);
    await c.stop();
    t.equal(c.closes, 1);
  }],

  ['by the client while a call is in flight', async (t) => {
    const c = await t.connect();
    const connection = await c.invoke('ConnectionID');
    const held = t.refused(c.invoke('Hold', t.tag), cancelled);
    await t.ask('holding', { key: t.tag });
    await c.stop();
    await held;
    await t.ask('release', { key: t.tag });
    t.equal(await t.ask('ended', { connection }), { error: '' });
  }],

  ['by the server', async (t) => {
    const c = await t.connect();
    const connection = await c.invoke('ConnectionID');
    await c.send('CloseMe', '', false);
    t.equal(await c.gone(), undefined);
    t.equal(await t.ask('ended', { connection }), { error: '' });
  }],

  // Acceptance: A-065.
  ['by the server with an error', async (t) => {
    const c = await t.connect();
    await c.send('CloseMe', 'So be it. 👋', false);
    t.equal(await c.gone(), `${withError}So be it. 👋`);
  }],

  ['by the server from outside of a call', async (t) => {
    const c = await t.connect();
    await t.ask('close', { connection: await c.invoke('ConnectionID'), reason: 'Time is up.', reconnect: false });
    t.equal(await c.gone(), `${withError}Time is up.`);
  }],

  ['by the server while calls are in flight', async (t) => {
    const c = await t.connect();
    const connection = await c.invoke('ConnectionID');
    const held = t.refused(c.invoke('Hold', t.tag), `${withError}Enough.`);
    await t.ask('holding', { key: t.tag });
    const queued = t.refused(c.invoke('Echo', 'x'), t.transport === 'WebSockets' ? `${withError}Enough.` : late(`${withError}Enough.`));
    await t.ask('close', { connection, reason: 'Enough.' });
    await Promise.all([held, queued]);
    t.equal(await c.gone(), `${withError}Enough.`);
  }],

  ['by the method that is running: its completion does not come', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('CloseMe', '', false), cancelled);
  }],

  ['by the server, and nothing that was sent before is lost', async (t) => {
    const c = await t.connect();
    const numbers = c.record('Number');
    const burst = c.invoke('Burst', 2000);
    const close = c.send('CloseMe', '', false);
    t.equal(await burst, 2000);
    await close;
    t.equal(await c.gone(), undefined);
    t.equal(numbers.calls.length, 2000);
  }],

  ['by the server for good: a reconnect policy is not asked', async (t) => {
    const c = await t.connect({ reconnect: true });
    await c.send('CloseMe', 'For good.', false);
    t.equal(await c.gone(), `${withError}For good.`);
    t.equal(c.reconnecting.happened, undefined, 'reconnecting');
  }],

  ['by the server with leave to reconnect, without a policy', async (t) => {
    const c = await t.connect();
    await c.send('CloseMe', 'Come back.', true);
    t.equal(await c.gone(), `${withError}Come back.`);
  }],

  ['by a hub that refuses the connection', (t) => refusedOnConnect(t, 'unwelcoming', connectionError)],

  ['by a hub that refuses the connection with a reason', (t) => (
    refusedOnConnect(t, 'unwelcoming-with-reason', `${connectionError} HubException: Nobody is welcome.`))],

  ['for a message that is too large', async (t) => {
    const c = await t.connect();
    const connection = await c.invoke('ConnectionID');
    const call = t.refused(c.invoke('Echo', 'x'.repeat(300_000)), late(withError + connectionError));
    t.equal(await c.gone(), withError + connectionError);
    await call;
    t.ok((await t.ask('ended', { connection })).error, 'the server has heard of no error');
  }],

  ['for a message that is malformed', async (t) => {
    const c = await t.connect();
    const connection = await c.invoke('ConnectionID');
    await c.connection.connection.send(t.json ? '{"type":1}\x1e' : Uint8Array.of(2, 0x91, 1).buffer);
    t.equal(await c.gone(), withError + connectionError);
    t.ok((await t.ask('ended', { connection })).error, 'the server has heard of no error');
  }],

  ['by a server that shuts down', async (t) => {
    const path = `own/${t.tag.replace(/\W+/g, '-')}`;
    await t.ask('server', { path });
    const c = await t.connect({ hub: path, reconnect: true });
    const held = c.invoke('Hold', t.tag); // what is under way may complete
    await t.ask('holding', { key: t.tag });
    c.connection.onreconnecting(() => {
      c.connection.baseUrl = c.connection.baseUrl.replace(path, 'default');
    });
    const down = t.ask('shutdown', { path });
    while ((await fetch(`${t.server}/${path}/negotiate?negotiateVersion=1`, { method: 'POST' })).status !== 503) {
      await t.pause(10);
    }
    await t.ask('release', { key: t.tag });
    t.equal(await held, t.tag);
    t.equal(await t.until(c.reconnecting.promise, 'reconnecting'), undefined);
    await t.until(c.reconnected.promise, 'reconnection');
    t.equal(await c.invoke('ConnectionID'), c.id);
    await down;
  }],
];
