// Arguments that do not fit: the call is refused, and the connection goes on.

const refused = (method) => `Failed to invoke '${method}' due to an error on the server.`;

export const aboutArguments = [
  // Acceptance: A-206.
  ['too few', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Echo'), refused('Echo'));
    await t.refused(c.invoke('Add', 1), refused('Add'));
    t.equal(await c.invoke('Add', 1, 2), 3);
  }],

  // Acceptance: A-206.
  ['too many', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Nothing', 1), refused('Nothing'));
    await t.refused(c.invoke('Echo', 'a', 'b'), refused('Echo'));
    t.equal(await c.invoke('Nothing'), null);
  }],

  ['of the wrong type', async (t) => {
    const c = await t.connect();
    for (const [method, argument] of [
      ['EchoInt', 'seven'], ['EchoInt', true], ['EchoInt', 1.5], ['EchoInt', [1]], ['EchoInt', { a: 1 }], ['Echo', 7], ['Echo', ['a']],
      ['EchoBool', 1], ['EchoBool', 'true'], ['EchoFloat', '1.5'], ['EchoID', 'not a GUID'], ['EchoInts', 1], ['EchoInts', ['a']],
      ['EchoMap', []], ['EchoTime', 'yesterday'], ['EchoCustomObject', 'x'], ['EchoCustomObject', [1, 2, 3, 4]],
    ]) {
      await t.refused(c.invoke(method, argument), refused(method));
    }
    t.equal(await c.invoke('EchoInt', 7), 7);
  }],

  ['out of range', async (t) => {
    const c = await t.connect();
    for (const [method, argument] of [['EchoInt32', 2 ** 31], ['EchoInt32', -(2 ** 31) - 1], ['EchoByte', 256], ['EchoByte', -1], ['EchoInt', 2 ** 70]]) {
      await t.refused(c.invoke(method, argument), refused(method));
    }
    t.equal(await c.invoke('EchoInt32', 2 ** 31 - 1), 2 ** 31 - 1);
    t.equal(await c.invoke('EchoByte', 255), 255);
  }],

  ['null for what cannot be null', async (t) => {
    const c = await t.connect();
    for (const method of ['EchoInt', 'EchoBool', 'EchoFloat', 'EchoID', 'EchoTime']) {
      await t.refused(c.invoke(method, null), refused(method));
    }
  }],

  ['unknown members are ignored', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('EchoCustomObject', { Name: 'n', Value: 1, More: { a: [1] } }), { Name: 'n', Value: 1 });
    t.equal(await c.invoke('EchoCustomObject', {}), { Name: '', Value: 0 });
  }],

  ['undefined becomes null', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('EchoNullableString', undefined), null);
  }],

  ['optional ones at the end', async (t) => {
    const c = await t.connect();
    t.equal(await c.invoke('Greet', 'Ada'), 'Ada, not given, not given');
    t.equal(await c.invoke('Greet', 'Ada', 'hello'), 'Ada, "hello", not given');
    t.equal(await c.invoke('Greet', 'Ada', 'hello', 3), 'Ada, "hello", 3');
    t.equal(await c.invoke('Greet', 'Ada', null, 3), 'Ada, "", 3');
    t.equal(await c.collect('GreetAll', 'Ada'), ['Ada, not given']);
    t.equal(await c.collect('GreetAll', 'Ada', 2), ['Ada, 2']);
  }],

  ['optional ones: too few and too many all the same', async (t) => {
    const c = await t.connect();
    await t.refused(c.invoke('Greet'), refused('Greet'));
    await t.refused(c.invoke('Greet', 'Ada', 'hello', 3, 4), refused('Greet'));
    await t.refused(c.invoke('Greet', 'Ada', 'hello', 'three'), refused('Greet'));
    await t.refused(c.invoke('Greet', 'Ada', 'hello', null), refused('Greet'));
  }],
];
