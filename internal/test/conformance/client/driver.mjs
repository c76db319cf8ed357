// Runs the cases of cases.mjs for the Go tests.
//
//   node driver.mjs list                       prints the table as JSON and ends
//   node driver.mjs run URL TRANSPORT PROTOCOL  reads the names of cases on standard input, one a line, to its end, runs them side
//                                              by side, and prints one JSON object a line for each that is done
import { createInterface } from 'node:readline';
import { cases, combinations, exemption } from './cases.mjs';
import { Context } from './context.mjs';

// How many cases run side by side: most of them wait most of the time.
const atOnce = 16;
// How long a case may take: most take milliseconds, on a machine that is busy with the others and the race detector.
const patience = 45_000;

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');

function list() {
  say(cases.map(({ name, ...rest }) => ({
    name,
    in: Object.fromEntries(combinations.map((c) => [`${c.transport}/${c.protocol}`, exemption(rest, c) ?? ''])),
  })));
}

// tell makes text of whatever was thrown: for an assertion with what was expected and what came.
function tell(error) {
  if (error?.code === 'ERR_ASSERTION') {
    return `${error.message}\n  at ${place(error)}`;
  }
  return error?.stack ?? String(error);
}

const place = (error) => error.stack?.split('\n').find((line) => line.includes('/cases/'))?.trim().replace(/^at /, '') ?? 'unknown';

async function run(test, combination, url) {
  const context = new Context(test.name, combination, url);
  const started = Date.now();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${patience / 1000} s; last waiting for ${context.waiting}`)), patience);
  });
  try {
    await Promise.race([test.run(context), late]);
    await Promise.race([context.leave(), late]);
    say({ case: test.name, ms: Date.now() - started });
  } catch (error) {
    say({ case: test.name, ms: Date.now() - started, error: tell(error), log: context.log });
    context.abandon();
  } finally {
    clearTimeout(timer);
  }
}

async function main(url, transport, protocol) {
  const byName = new Map(cases.map((c) => [c.name, c]));
  const waiting = [];
  for await (const name of createInterface({ input: process.stdin })) {
    waiting.push(name);
  }
  const work = async () => {
    while (waiting.length > 0) {
      await run(byName.get(waiting.shift()), { transport, protocol }, url);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  process.exit(0);
}

// What nobody waits for must not pass unseen, nor end the process with the other cases in it. But the client itself handles nowhere
// that the items of a stream cannot be sent any more, when the connection ends under them.
function stray(error) {
  if (error instanceof Error && !error.stack.includes('/node_modules/@microsoft/')) { // the client rejects with strings, too
    say({ stray: tell(error) });
  }
}

process.stdout.on('error', () => process.exit(1)); // the test is gone
process.on('unhandledRejection', stray);
process.on('uncaughtException', stray);

if (process.argv[2] === 'list') {
  list();
} else {
  await main(...process.argv.slice(3));
}
