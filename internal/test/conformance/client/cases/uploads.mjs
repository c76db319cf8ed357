// Streams from the client. The client finds no two that stand side by side among the arguments, so that other arguments part them.
import * as signalR from '@microsoft/signalr';

const failed = (method) => `An unexpected error occurred invoking '${method}' on the server.`;

// subject is a stream of these items, which begin to flow once the call has been sent.
function subject(items, end = (s) => s.complete()) {
  const s = new signalR.Subject();
  setImmediate(() => {
    items.forEach((item) => s.next(item));
    end(s);
  });
  return s;
}

const fails = (error) => (s) => s.error(error);
const stays = () => {};

const upTo = (n) => Array.from({ length: n }, (_, i) => i);

export const aboutUploads = [
  ['items', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('Concat', subject(['Hello ', 'world', '!'])), 'Hello world!');
  }],

  ['no items', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('Concat', subject([])), '');
  }],

  ['many items in order', async (t) => {
    const c = await t.connect();
    const n = t.transport === 'WebSockets' ? 10_000 : 150; // elsewhere each is a request, and the next waits for its answer
    t.equal(await c.invoke('NoteAll', subject(upTo(n))), n);
    t.equal(await c.invoke('Noted'), t.members({ count: n, disorder: '' }));
  }],

  ['objects', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('Names', subject([{ Name: 'a', Value: 1 }, { Name: '物', Value: 2 }])), ['a', '物']);
  }],

  ['large items', async (t) => {
    const c = await t.connect();
    t.equal((await c.invoke('Concat', subject(Array(5).fill('x'.repeat(50_000))))).length, 250_000);
  }],

  ['of a call without an id', async (t) => {
    const c = await t.connect();
    await c.send('NoteAll', subject(upTo(10)));
    t.equal(await t.ask('noted', { connection: c.id, count: 10 }), { count: 10, disorder: '' });
  }],

  ['beside other arguments', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('Join', subject(['a', 'b', 'c']), '-'), 'a-b-c');
  }],

  ['several in one call', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('JoinTwo', subject(['a', 'b']), '|', subject(['c', 'd'])), 'ab|cd');
  }],

  ['several calls at once, and others beside them', async (t) => {
    const c = await t.connect();
    const open = upTo(6).map(() => new signalR.Subject());
    const calls = open.map((s) => c.invoke('Concat', s));
    for (let round = 0; round < 5; round++) {
      open.forEach((s, i) => s.next(`${i}${round} `));
      t.equal(await c.invoke('Add', round, 1), round + 1);
    }
    open.forEach((s) => s.complete());
    t.equal(await Promise.all(calls), upTo(6).map((i) => upTo(5).map((round) => `${i}${round} `).join('')));
  }],

  ['ended with an error', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Concat', subject(['Hello '], fails(new Error('Something bad')))), failed('Concat'));
    await t.refused(c.invoke('TellUploadError', subject(['Hello '], fails(new Error('Something bad')))),
      `${failed('TellUploadError')} HubException: client ended the stream with an error: Something bad`);
    t.equal(await c.invoke('Concat', subject(['x'])), 'x');
  }],

  ['method that does not read to the end', async (t) => {
    const c = await t.connect();
    const open = new signalR.Subject();
    const call = c.invoke('First', open);
    open.next('a');
    t.equal(await call, 'a');
    upTo(30).forEach((i) => open.next(String(i))); // nobody reads these, and nobody minds
    open.complete();
    t.equal(await c.invoke('Concat', subject(['x'])), 'x');
  }],

  ['method that fails', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('RefuseUpload', subject(['a'], stays)), `${failed('RefuseUpload')} HubException: Not wanted.`);
    t.equal(await c.invoke('Concat', subject(['x'])), 'x');
  }],

  ['item of the wrong type', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('NoteAll', subject([0, 'one', 2])), failed('NoteAll'));
    t.equal(await c.invoke('Concat', subject(['x'])), 'x');
  }],

  ['too few', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Concat'), `${failed('Concat')} HubException: Client sent 0 stream(s), Hub method expects 1.`);
    await t.refused(c.invoke('JoinTwo', subject([]), '|'), `${failed('JoinTwo')} HubException: Client sent 1 stream(s), Hub method expects 2.`);
  }],

  ['too many', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Nothing', subject(['a'])), `${failed('Nothing')} HubException: Client sent 1 stream(s), Hub method expects 0.`);
    t.equal(await c.invoke('Echo', 'x'), 'x');
  }],

  ['into a stream from the server', async (t) => {
    const c = await t.connect();
    t.equal(await c.collect('Shout', subject(['a', 'b', 'ж'])), ['A', 'B', 'Ж']);
  }],

  ['into a stream from the server, item by item', async (t) => {
    const c = await t.connect();
    const up = new signalR.Subject();
    const items = [];
    const end = new Promise((resolve, reject) => c.connection.stream('Shout', up).subscribe({
      next(item) {
        items.push(item);
        if (items.length < 5) {
          up.next(`${item}x`);
        } else {
          up.complete();
        }
      },
      complete: resolve,
      error: reject,
    }));
    up.next('x');
    await t.until(end, 'end of stream Shout');
    t.equal(items, ['X', 'XX', 'XXX', 'XXXX', 'XXXXX']);
  }],

  ['end with the connection', async (t) => {
    const c = await t.connect();
    const connection = await c.invoke('ConnectionID');
    const call = t.refused(c.invoke('NoteAll', subject([0], stays)), 'Invocation canceled due to the underlying connection being closed.');
    await t.ask('noted', { connection, count: 1 });
    await c.stop();
    await call;
    t.equal(await t.ask('ended', { connection }), { error: '' });
  }],
];
