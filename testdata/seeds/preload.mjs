// What the examples find around them: a console that writes one JSON array a line, the page's storage, and the test's steps.
import { createInterface } from 'node:readline';

const plain = (value) => (value instanceof Error ? value.message : value);
const print = (...args) => process.stdout.write(JSON.stringify(args.map(plain)) + '\n');
console.log = print;
console.error = print;

globalThis.localStorage = { getItem: (key) => (key === 'token' ? process.env.HERALD_TOKEN : null) };

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// Waits until the test has done what it does at this point. The end of the input is the end of the program.
globalThis.step = async (name) => {
  print('step', name);
  if ((await lines.next()).done) process.exit(0);
};
