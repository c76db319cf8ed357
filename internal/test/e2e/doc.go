// Package e2e tests Herald from the outside: the real binary, a real PostgreSQL, and the published
// @microsoft/signalr client under Node. Package torture tests the same under faults.
//
// Each test has its own database and server processes. TestMain builds the binary once. A driver (client/driver.mjs)
// is one Node process in which a test opens any number of connections; it reports every message and state, in order.
// No test sleeps: tests wait for lines in records (a server's log, a client's messages), each wait with a deadline.
//
// The examples of the two published documents are in testdata/seeds at the root of the repository: the documents as
// they are, and programs made of their code blocks. TestProgramsHoldTheDocumentsCode compares the two.
//
// The examples for readers to copy, in examples at the root, run unchanged: under Node, and as pages in Chromium,
// which examples/browser.mjs drives. Package walk is a new user's whole first day.
//
// The client is installed by `make test`; by hand: npm ci in internal/test/e2e/client.
package e2e
