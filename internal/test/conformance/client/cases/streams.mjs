// Streams from the server (DefaultHubDispatcher.StreamAsync).

const failed = (method) => `An unexpected error occurred invoking '${method}' on the server.`;
const broken = 'An error occurred on the server while streaming results.';
const unbound = (method) => `Failed to invoke '${method}' due to an error on the server.`;

const upTo = (n) => Array.from({ length: n }, (_, i) => i);

// follow reads a stream and returns what it came to, items and all.
const follow = (t, c, method, ...args) => {
  const items = [];
  const end = new Promise((resolve) => {
    c.connection.stream(method, ...args).subscribe({
      next: (item) => items.push(item),
      complete: () => resolve({ items }),
      error: (error) => resolve({ items, error: error.message }),
    });
  });
  return t.until(end, `end of stream ${method}`);
};

const untilFirst = (t, c, method, ...args) => {
  let subscription;
  const first = new Promise((resolve, reject) => {
    subscription = c.connection.stream(method, ...args).subscribe({ next: resolve, complete: () => reject(new Error('completed')), error: reject });
  });
  return t.until(first, `first item of ${method}`).then(() => subscription);
};

export const aboutStreams = [
  ['items', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'Stream'), { items: ['a', 'b', 'c'] });
  }],

  ['no items', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'EmptyStream'), { items: [] });
  }],

  ['10,000 items in order', async (t) => {
    const c = await t.connect();
    const { items, error } = await follow(t, c, 'Count', 10_000);
    t.equal(error, undefined);
    t.equal(items.length, 10_000);
    t.equal(items.findIndex((n, i) => n !== i), -1, 'index of the first out of order');
  }],

  ['objects', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'StreamObjects', 3), { items: upTo(3).map((Value) => ({ Name: '物', Value })) });
  }],

  ['large items', async (t) => {
    const c = await t.connect();
    const { items } = await follow(t, c, 'StreamLetters', 20, 100_000);
    t.equal(items.map((s) => s.length), Array(20).fill(100_000));
  }],

  ['several at once, and a call beside them', async (t) => {
    const c = await t.connect();
    const streams = upTo(20).map((n) => follow(t, c, 'Count', n * 10));
    t.equal(await c.invoke('Echo', 'x'), 'x');
    t.equal(await Promise.all(streams), upTo(20).map((n) => ({ items: upTo(n * 10) })));
  }],

  ['does not hold up a call behind it', async (t) => {
    const c = await t.connect();
    const subscription = await untilFirst(t, c, 'Infinite');
    t.equal(await c.invoke('Echo', 'x'), 'x');
    subscription.dispose();
  }],

  ['error before the first item', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'StreamFail', 'a secret'), { items: [], error: failed('StreamFail') });
    t.equal(await follow(t, c, 'StreamRefuse', 'No.'), { items: [], error: `${failed('StreamRefuse')} HubException: No.` });
    t.equal(await follow(t, c, 'StreamPanic', 'a secret'), { items: [], error: failed('StreamPanic') });
    t.equal(await follow(t, c, 'Count', 2), { items: [0, 1] });
  }],

  ['error behind some items', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'CountAndFail', 2, 'a secret'), { items: [0, 1], error: broken });
    t.equal(await follow(t, c, 'CountAndRefuse', 2, 'No.'), { items: [0, 1], error: `${broken} HubException: No.` });
    t.equal(await follow(t, c, 'CountAndPanic', 2, 'a secret'), { items: [0, 1], error: broken });
    t.equal(await follow(t, c, 'CountAndUnencodable', 2), { items: [0, 1], error: broken });
    t.equal(await follow(t, c, 'Count', 2), { items: [0, 1] });
  }],

  ['cancelled behind an item', async (t) => {
    const c = await t.connect();
    const cancelled = c.record('StreamCanceled');
    const subscription = await untilFirst(t, c, 'Infinite');
    t.equal(cancelled.calls, []);
    subscription.dispose();
    t.equal(await cancelled.first(1), [[]]);
    t.equal(await follow(t, c, 'Count', 2), { items: [0, 1] });
  }],

  ['cancelled at once', async (t) => {
    const c = await t.connect();
    const cancelled = c.record('StreamCanceled');
    c.connection.stream('Silent').subscribe({ next() {}, complete() {}, error() {} }).dispose();
    t.equal(await cancelled.first(1), [[]]);
  }],

  ['cancelled among others', async (t) => {
    const c = await t.connect();
    const cancelled = c.record('StreamCanceled');
    const [one, other] = [await untilFirst(t, c, 'Infinite'), await untilFirst(t, c, 'Infinite')];
    one.dispose();
    await cancelled.first(1);
    t.equal(await follow(t, c, 'Count', 100), { items: upTo(100) });
    t.equal(cancelled.calls.length, 1);
    other.dispose();
    t.equal((await cancelled.first(2)).length, 2);
  }],

  ['end with the connection: by the client', async (t) => {
    const c = await t.connect();
    const connection = await c.invoke('ConnectionID');
    const end = follow(t, c, 'Infinite');
    await c.invoke('Nothing'); // behind it
    await c.stop();
    t.equal((await end).error, 'Invocation canceled due to the underlying connection being closed.');
    t.equal(await t.ask('ended', { connection }), { error: '' });
  }],

  ['end with the connection: by the server', async (t) => {
    const c = await t.connect();
    const end = follow(t, c, 'Infinite');
    await c.invoke('Nothing'); // behind it
    await c.send('CloseMe', 'Enough.', false);
    t.equal((await end).error, 'Server returned an error on close: Enough.');
  }],

  ['too few arguments', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'Count'), { items: [], error: unbound('Count') });
  }],

  ['too many arguments', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'Count', 1, 2), { items: [], error: unbound('Count') });
    t.equal(await follow(t, c, 'Stream', 1), { items: [], error: unbound('Stream') });
  }],

  ['arguments of the wrong type', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'Count', 'many'), { items: [], error: unbound('Count') });
  }],

  ['unknown method', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'NoSuchStream'),
      { items: [], error: `${unbound('NoSuchStream')} HubException: Method does not exist.` });
  }],

  ['streaming method that is invoked', async (t) => {
    const c = await t.connect();
    for (const [method, ...args] of [['EmptyStream'], ['Stream'], ['Count', 3]]) {
      await t.refused(c.invoke(method, ...args),
        `The client attempted to invoke the streaming '${method}' method with a non-streaming invocation.`);
    }
    await c.send('Stream'); // nobody to tell
    t.equal(await c.invoke('Echo', 'x'), 'x');
  }],

  ['method that does not stream', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'Echo', '42'),
      { items: [], error: "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation." });
  }],

  ['no sequence', async (t) => {
    const c = await t.connect();
    t.equal(await follow(t, c, 'StreamNothing'),
      { items: [], error: "The value returned by the streaming method 'StreamNothing' is not a ChannelReader<> or IAsyncEnumerable<>." });
  }],
];
