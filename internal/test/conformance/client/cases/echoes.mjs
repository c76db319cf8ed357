// Every type that an argument and a result can have, there and back.

const strings = {
  empty: '',
  ascii: 'Hello, World!',
  'chinese': '你好，世界！',
  'astral plane': '👩‍👩‍👧‍👦 𝄞 \u{10ffff}',
  'line separators': 'a\u2028b\u2029c\u0085d',
  'quotes and backslashes': '"\\"\'/<script>&amp;</script>+',
  'control characters': Array.from({ length: 33 }, (_, i) => String.fromCharCode(i)).join('') + '\x7f',
  'byte order mark': '\ufeffx\ufffe\uffff',
  'right to left': 'שלום \u202e עולם',
  'text of a record': '{"type":6}\x1e{"type":7}\x1e',
};

const integers = {
  zero: 0, one: 1, 'minus one': -1, '2^7-1': 127, '2^7': 128, '2^8-1': 255, '2^8': 256, '2^16-1': 65535, '2^16': 65536,
  '2^31-1': 2 ** 31 - 1, '2^31': 2 ** 31, '2^32-1': 2 ** 32 - 1, '2^32': 2 ** 32, '2^53-1': Number.MAX_SAFE_INTEGER,
  '-2^5': -32, '-2^5-1': -33, '-2^7': -128, '-2^7-1': -129, '-2^15': -32768, '-2^15-1': -32769, '-2^31': -(2 ** 31), '-2^31-1': -(2 ** 31) - 1,
  '-(2^53-1)': Number.MIN_SAFE_INTEGER,
};

const floats = {
  whole: 3, half: -0.5, 'one tenth': 0.1, largest: Number.MAX_VALUE, smallest: 5e-324, negative: -1.7976931348623157e308,
  'above 2^53': 2 ** 60, tiny: 1e-7, 'one third': 1 / 3,
};

const instants = {
  'whole second': '2002-04-01T10:20:15Z',
  'milliseconds': '2002-04-01T10:20:15.123Z',
  'epoch': '1970-01-01T00:00:00Z',
  'before the epoch': '1815-12-10T00:00:00Z',
  'before the epoch with milliseconds': '1969-12-31T23:59:59.999Z',
  'behind 32 bits': '2106-02-07T06:28:16Z',
  'behind 34 bits': '2514-05-30T01:53:04.5Z',
};

const sizes = [0, 1, 31, 32, 255, 256, 65_535, 65_536];

const bytes = (n) => Uint8Array.from({ length: n }, (_, i) => i * 7);
const base64 = (b) => Buffer.from(b).toString('base64');

const order = (depth) => ({
  id: '8e6f3c1a-0b2d-4c5e-9f70-1a2b3c4d5e6f',
  lines: [{ name: 'Döner 🥙', quantity: 2, extras: ['scharf', ''] }, { name: '水', quantity: 0, extras: [] }],
  notes: { '': 'empty key', 'a.b': '"quoted"', ключ: 'значение' },
  prices: { a: 9.99, b: -0.01 },
  parent: depth > 0 ? order(depth - 1) : null,
  placed: null,
  comment: depth % 2 ? 'odd' : null,
});

// echoed asks for each value by name and compares what comes back.
const echoed = (method, values) => async (t) => {
  const c = await t.connect();
  for (const [name, value] of Object.entries(values)) {
    t.equal(await c.invoke(method, value), value, name);
  }
};

export const aboutEchoes = [
  ['strings', echoed('Echo', strings)],
  ['booleans', echoed('EchoBool', { true: true, false: false })],
  ['integers', echoed('EchoInt', integers)],
  ['floats', echoed('EchoFloat', floats)],
  ['GUID', echoed('EchoID', { some: '00010203-0405-0607-0706-050403020100', none: '00000000-0000-0000-0000-000000000000' })],
  ['null for a string that can be null', echoed('EchoNullableString', { null: null, empty: '', some: 'x' })],
  ['null for an integer that can be null', echoed('EchoNullableInt', { null: null, zero: 0, some: -7 })],
  ['null for an object', echoed('EchoOrder', { null: null })],
  ['arrays of integers', echoed('EchoInts', { empty: [], one: [1], some: Object.values(integers), sixteen: Array(16).fill(1), many: Array(70_000).fill(5) })],
  ['arrays of strings', echoed('EchoStrings', { empty: [], some: Object.values(strings) })],
  ['arrays of arrays', echoed('EchoMatrix', { empty: [], some: [[1, 2.5], [], [-3]] })],
  ['maps', echoed('EchoMap', {
    empty: {}, some: { a: 1, '': 2, ключ: 3 }, sixteen: Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, i])),
  })],
  ['structured object', echoed('EchoCustomObject', { some: { Name: 'test', Value: 42 } })],
  ['nested objects', async (t) => {
    const c = await t.connect();
    for (const depth of [0, 20]) {
      t.equal(await c.invoke('EchoOrder', order(depth)), t.members(order(depth), ['notes', 'prices']), `depth ${depth}`);
    }
  }],
  ['anything', echoed('EchoAny', {
    null: null, number: 1.5, string: '𝄞', array: [1, 'a', null, [true]], object: { a: { b: [{}] } },
  })],

  ['strings of every length class', async (t) => {
    const c = await t.connect();
    for (const size of sizes) {
      t.equal(await c.invoke('Echo', 'ä'.repeat(size)), 'ä'.repeat(size), `${size} characters`);
    }
  }],

  ['dates', async (t) => {
    const c = await t.connect();
    for (const [name, text] of Object.entries(instants)) {
      const sent = t.json ? text : new Date(text);
      t.equal(await c.invoke('EchoTime', sent), sent, name);
    }
  }],

  ['byte arrays', async (t) => {
    const c = await t.connect();
    for (const size of sizes) {
      const sent = bytes(size);
      const came = await c.invoke('EchoBytes', t.json ? base64(sent) : sent);
      if (t.json) {
        t.equal(came, base64(sent), `${size} bytes`);
      } else {
        t.ok(came instanceof Uint8Array, `${size} bytes came as ${came?.constructor?.name}`);
        t.ok(Buffer.from(came).equals(sent), `${size} bytes came back as ${came.length}`);
      }
    }
  }],

  // The two of the functional tests of ASP.NET Core: "can handle different types", "can receive different types".
  ['complex object', async (t) => {
    const c = await t.connect();
    const sent = {
      ByteArray: t.json ? 'aGVsbG8=' : Uint8Array.from(Buffer.from('hello')),
      DateTime: t.json ? '2002-04-01T10:20:15Z' : new Date(Date.UTC(2002, 3, 1, 10, 20, 15)),
      Guid: '00010203-0405-0607-0706-050403020100',
      IntArray: [1, 2, 3, 255],
      String: 'Hello, World!',
    };
    const came = await c.invoke('EchoComplexObject', sent);
    if (!t.json) {
      came.ByteArray = Uint8Array.from(came.ByteArray);
    }
    t.equal(came, sent);
  }],

  ['complex object of the server', async (t) => {
    const c = await t.connect();
    const came = await c.invoke('ComplexObject');
    if (!t.json) {
      came.ByteArray = Uint8Array.from(came.ByteArray);
    }
    t.equal(came, {
      ByteArray: t.json ? 'AQID' : Uint8Array.of(1, 2, 3),
      DateTime: t.json ? '2000-01-01T00:00:00Z' : new Date(Date.UTC(2000, 0, 1)),
      Guid: '00010203-0405-0607-0706-050403020100',
      IntArray: [1, 2, 3],
      String: 'hello world',
    });
  }],

  ['100 KB to the server', async (t) => {
    const c = await t.connect();
    const sent = 'ab\u00e9\u4f60'.repeat(25_000);
    t.ok(await c.invoke('Echo', sent) === sent, 'what came back is not what was sent');
  }],

  ['100 KB from the server', async (t) => {
    const c = await t.connect();
    const came = await c.invoke('Letters', 100_000);
    t.equal(came.length, 100_000);
    t.ok(came === 'abcdefghijklmnopqrstuvwxyz'.repeat(3847).slice(0, 100_000), 'letters are wrong');
  }],

  ['200 KB of bytes', async (t) => {
    const c = await t.connect();
    const sent = bytes(150_000);
    const came = await c.invoke('EchoBytes', t.json ? base64(sent) : sent);
    t.ok(t.json ? came === base64(sent) : Buffer.from(came).equals(sent), 'what came back is not what was sent');
  }],
];
