// Drives Chromium for the Go tests (internal/test/e2e). One JSON object a line: commands on standard input, answers on standard output. It ends
// with its input.
import { createInterface } from 'node:readline';
import puppeteer from 'puppeteer-core';

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  pipe: true, // it ends with this process, whatever becomes of that
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'], // the tests may run as root, and show it only pages of their own
});
const pages = new Map();
const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');

const commands = {
  async open({ client, url }) {
    const page = await browser.newPage();
    pages.set(client, page);
    page.on('pageerror', (error) => say({ client, state: 'error', text: String(error) }));
    page.on('console', (message) => say({ client, state: 'console', text: message.text() }));
    await page.goto(url);
  },
  // What an element shows, an empty text where there is none.
  read: ({ client, selector }) => pages.get(client).$$eval(selector, (all) => all.map((one) => one.innerText).join('\n')),
  screenshot: ({ client, path }) => pages.get(client).screenshot({ path }).then(() => path),
  close: ({ client }) => pages.get(client).close(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...command } = JSON.parse(line);
  commands[op](command).then(
    (result) => say({ id, result }),
    (error) => say({ id, error: error.message }),
  );
}
await browser.close();
