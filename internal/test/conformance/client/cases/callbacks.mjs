// Calls of the client's methods by the server.

export const aboutCallbacks = [
  ['text', async (t) => {
    const c = await t.connect();
    const messages = c.record('message'); // the client ignores case
    t.equal(await c.invoke('CallMe', '你好 SignalR！'), null);
    t.equal(await messages.first(1), [['你好 SignalR！']]);
  }],

  ['arrive before the completion of the call that makes them', async (t) => {
    const c = await t.connect();
    const messages = c.record('Message');
    await c.invoke('CallMe', 'x');
    t.equal(messages.calls, [['x']]);
  }],

  ['structured object', async (t) => {
    const c = await t.connect();
    const objects = c.record('CustomObject');
    await c.send('SendCustomObject', { Name: 'test', Value: 42 });
    t.equal(await objects.first(1), [[{ Name: 'test', Value: 42 }]]);
  }],

  ['several arguments', async (t) => {
    const c = await t.connect();
    const many = c.record('Many');
    await c.invoke('SendManyArguments', 'x');
    t.equal(await many.first(1), [['x', 1, null, true, ['a', 'b'], { key: 1.5 }]]);
  }],

  ['100 KB', async (t) => {
    const c = await t.connect();
    const messages = c.record('Message');
    await c.invoke('SendLetters', 100_000);
    const [[text]] = await messages.first(1);
    t.ok(text === 'abcdefghijklmnopqrstuvwxyz'.repeat(3847).slice(0, 100_000), `${text.length} letters came, or wrong ones`);
  }],

  ['from outside of a call', async (t) => {
    const c = await t.connect();
    const messages = c.record('Message');
    await t.ask('send', { connection: await c.invoke('ConnectionID'), target: 'Message', args: ['unasked', 1] });
    t.equal(await messages.first(1), [['unasked', 1]]);
  }],

  ['every handler is called, in order', async (t) => {
    const c = await t.connect();
    const called = [];
    c.on('Message', () => called.push('first'));
    c.on('Message', () => called.push('second'));
    await c.invoke('CallMe', 'x');
    await c.invoke('CallMe', 'y');
    t.equal(called, ['first', 'second', 'first', 'second']);
  }],

  ['off', async (t) => {
    const c = await t.connect();
    const called = [];
    const one = (text) => called.push(`one ${text}`);
    const other = (text) => called.push(`other ${text}`);
    c.on('Message', one);
    c.on('Message', other);
    c.on('MESSAGE', one); // a second time counts once
    await c.invoke('CallMe', 'a');
    c.connection.off('Message', one);
    await c.invoke('CallMe', 'b');
    c.connection.off('Message');
    await c.invoke('CallMe', 'c');
    c.on('Message', one);
    await c.invoke('CallMe', 'd');
    t.equal(called, ['one a', 'other a', 'other b', 'one d']);
  }],

  ['of a method that the client does not have', async (t) => {
    const c = await t.connect();
    await c.invoke('CallMe', 'x');
    t.ok(c.context.log.some((line) => line === "Warning: No client method with the name 'message' found."), 'the client has not said so');
    t.equal(await c.invoke('Echo', 'x'), 'x');
  }],

  ['a handler that throws harms nothing', async (t) => {
    const c = await t.connect();
    c.on('Message', () => { throw new Error('on purpose'); });
    await c.invoke('CallMe', 'x');
    t.equal(await c.invoke('Echo', 'x'), 'x');
  }],

  ['are not delivered to other connections', async (t) => {
    const [one, other] = await Promise.all([t.connect(), t.connect()]);
    const foreign = other.record('Message');
    await one.invoke('CallMe', 'x');
    await other.invoke('Echo', 'x');
    t.equal(foreign.calls, []);
  }],

  ['without binding again after a restart', async (t) => {
    const c = await t.connect();
    const messages = c.record('Message');
    await c.invoke('CallMe', 'first');
    await c.stop();
    await t.until(c.connection.start(), 'second start');
    await c.invoke('CallMe', 'second');
    t.equal(await messages.first(2), [['first'], ['second']]);
    t.equal(c.closes, 1);
  }],
];
