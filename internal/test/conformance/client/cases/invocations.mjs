// Calls of hub methods: with a completion, without one, many at once.

const many = 10_000;

export const aboutInvocations = [
  ['result', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('Add', 2, 3), 5);
    t.equal(await c.stop(), undefined);
    t.equal(await c.gone(), undefined);
    t.equal(c.closes, 1);
  }],

  ['method without a result completes with null', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('Nothing'), null);
  }],

  ['method names ignore case', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('eCHO', 'x'), 'x');
  }],

  ['send is not answered', async (t) => {
    const c = await t.connect();
    t.equal(await c.send('Note', 0), undefined);
    await c.send('Fail', 'nobody hears of it');
    await c.send('NoSuchMethod');
    await c.send('Note');
    t.equal(await c.invoke('Noted'), t.members({ count: 1, disorder: '' }));
  }],

  ['many at once', async (t) => {
    const c = await t.connect();
    const numbers = Array.from({ length: 500 }, (_, i) => i);
    t.equal(await Promise.all(numbers.map((i) => c.invoke('Add', i, 1))), numbers.map((i) => i + 1));
  }],

  ['run in the order in which they were called', async (t) => {
    const c = await t.connect();
    const lengths = await Promise.all(Array.from({ length: 200 }, (_, i) => c.invoke('Note', i)));
    t.equal(lengths, Array.from({ length: 200 }, (_, i) => i + 1));
    t.equal(await c.invoke('Noted'), t.members({ count: 200, disorder: '' }));
  }],

  ['the next waits for the one that runs', async (t) => {
    const c = await t.connect();
    const order = [];
    const first = c.invoke('Hold', t.tag).then(() => order.push('first'));
    const second = c.invoke('Echo', 'x').then(() => order.push('second'));
    await t.ask('release', { key: t.tag });
    await Promise.all([first, second]);
    t.equal(order, ['first', 'second']);
  }],

  ['connections do not wait for each other', async (t) => {
    const [one, other] = await Promise.all([t.connect(), t.connect()]);
    const held = one.invoke('Hold', t.tag);
    t.equal(await other.invoke('Echo', 'x'), 'x');
    await t.ask('release', { key: t.tag });
    t.equal(await held, t.tag);
  }],

  ['nested: from a method that the server calls', async (t) => {
    const c = await t.connect();
    const inner = new Promise((done, fail) => c.on('Message', (text) => c.invoke('Echo', text + '!').then(done, fail)));
    t.equal(await c.invoke('CallMe', 'x'), null);
    t.equal(await t.until(inner, 'the inner call'), 'x!');
  }],

  ['nested: from a completion', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('Echo', 'a').then((a) => c.invoke('Echo', a + 'b')).then((ab) => c.invoke('Echo', ab + 'c')), 'abc');
  }],

  ['10,000 small messages to the server', async (t) => {
    const c = await t.connect();
    const sent = [];
    for (let i = 0; i < many; i++) {
      sent.push(c.send('Note', i));
    }
    await t.until(Promise.all(sent), 'sending');
    t.equal(await c.invoke('Noted'), t.members({ count: many, disorder: '' }));
  }],

  ['10,000 small messages from the server', async (t) => {
    const c = await t.connect();
    const numbers = c.record('Number');
    t.equal(await c.invoke('Burst', many), many);
    const calls = await numbers.first(many);
    t.equal(calls.length, many);
    t.equal(calls.findIndex(([n], i) => n !== i), -1, 'index of the first out of order');
  }],

  ['both ways at once', async (t) => {
    const c = await t.connect();
    const numbers = c.record('Number');
    const burst = c.invoke('Burst', 1000);
    await Promise.all(Array.from({ length: 1000 }, (_, i) => c.send('Note', i)));
    t.equal(await burst, 1000);
    t.equal((await numbers.first(1000)).findIndex(([n], i) => n !== i), -1, 'index of the first out of order');
    t.equal(await c.invoke('Noted'), t.members({ count: 1000, disorder: '' }));
  }],
];
