// Package e2e tests Herald from the outside: the real binary, a real PostgreSQL, and the published @microsoft/signalr client under
// Node. Package torture tests the same under faults.
//
// Each test has a database and server processes of its own. TestMain builds the binary once. A driver (client/driver.mjs) is one
// Node process in which a test opens as many connections as it wants; it reports everything that arrives, in order. Nothing here
// sleeps: tests wait for lines in records (what a server logged, what a client was sent), each wait with a deadline.
//
// The examples of the two published documents are in testdata/seeds at the root of the repository: the documents as they are, and
// programs made of their code blocks. TestProgramsHoldTheDocumentsCode keeps the two together.
//
// The examples that readers copy, in examples at the root, are run as they are: under Node, and as pages in Chromium, which
// examples/browser.mjs drives. Package walk is a new user's whole first day.
//
// The client is installed by `make test`; by hand: npm ci in internal/test/e2e/client.
package e2e
