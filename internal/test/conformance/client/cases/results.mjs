// Calls of the client's methods that want a result: Conn.Invoke, asked for by the control endpoint.

async function asking(t, options) {
  const c = await t.connect(options);
  const connection = await c.invoke('ConnectionID');
  return { c, ask: (target, ...args) => t.ask('ask', { connection, target, args }) };
}

export const aboutResults = [
  ['result', async (t) => {
    const { c, ask } = await asking(t);
    c.on('Ask', (...args) => args);
    t.equal(await ask('Ask', 1, 'zwei 二', null, [true]), { result: [1, 'zwei 二', null, [true]], error: '' });
  }],

  ['result of an asynchronous method', async (t) => {
    const { c, ask } = await asking(t);
    c.on('Ask', async (n) => {
      await t.pause(20);
      return { n };
    });
    t.equal(await ask('ask', 7), { result: { n: 7 }, error: '' });
  }],

  ['results that are false', async (t) => {
    const { c, ask } = await asking(t);
    c.on('Ask', (value) => value);
    for (const value of [null, false, 0, '']) {
      t.equal(await ask('Ask', value), { result: value, error: '' });
    }
  }],

  ['many at once', async (t) => {
    const { c, ask } = await asking(t);
    c.on('Ask', async (n) => {
      await t.pause((n * 7) % 20);
      return n * n;
    });
    const numbers = Array.from({ length: 30 }, (_, i) => i);
    t.equal(await Promise.all(numbers.map((n) => ask('Ask', n))), numbers.map((n) => ({ result: n * n, error: '' })));
  }],

  ['100 KB', async (t) => {
    const { c, ask } = await asking(t);
    c.on('Ask', (n) => 'x'.repeat(n));
    t.equal((await ask('Ask', 100_000)).result.length, 100_000);
  }],

  ['error', async (t) => {
    const { c, ask } = await asking(t);
    c.on('Ask', () => { throw new Error('on purpose'); });
    t.equal(await ask('Ask'), { result: null, error: 'Error: on purpose' });
    t.equal(await c.invoke('Echo', 'x'), 'x');
  }],

  ['no result', async (t) => {
    const { c, ask } = await asking(t);
    c.on('Ask', () => {});
    t.equal(await ask('Ask'), { result: null, error: "Client didn't provide a result." });
  }],

  ['no such method', async (t) => {
    const { ask } = await asking(t);
    t.equal(await ask('Ask'), { result: null, error: "Client didn't provide a result." });
  }],

  ['two results', async (t) => {
    const { c, ask } = await asking(t);
    c.on('Ask', () => 1);
    c.on('Ask', () => 2);
    t.equal(await ask('Ask'), { result: null, error: 'Client provided multiple results.' });
  }],

  ['of a connection that is closed', async (t) => {
    const { c, ask } = await asking(t);
    const asked = new Promise((resolve) => c.on('Ask', () => {
      resolve();
      return new Promise(() => {});
    }));
    const answer = ask('Ask');
    await t.until(asked, 'the question');
    await c.stop();
    t.equal((await answer).error, 'connection is closed');
  }],

  ['while the client calls, and streams', async (t) => {
    const { c, ask } = await asking(t);
    c.on('Ask', (n) => c.invoke('Add', n, 1));
    const stream = c.collect('Count', 500);
    t.equal(await ask('Ask', 41), { result: 42, error: '' });
    t.equal((await stream).length, 500);
  }],

  ['inside a hub method are refused instead of waited for', async (t) => {
    const { c } = await asking(t);
    c.on('Ask', () => 1);
    await t.refused(c.invoke('AskMe'), "An unexpected error occurred invoking 'AskMe' on the server.");
    t.equal(await c.invoke('Echo', 'x'), 'x');
  }],

  ['inside a stream', async (t) => {
    const { c } = await asking(t);
    c.on('Ask', (n) => n * 10);
    t.equal(await c.collect('AskAndStream', 3), [0, 10, 20]);
  }],
];
