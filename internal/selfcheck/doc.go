// Package selfcheck looks whether the tables agree: what was committed to the outbox, what is in the log, and what
// each node says that it has broadcast. (Who did what is another matter: package auditlog.)
//
// [Checker.Run] looks every ten seconds at what is new, on whichever node; [Checker.Full] at all that is retained. In
// metrics, logs and the commands the self-check is called the audit.
//
// # Cost
//
// An order's event, with two entries and a row, costs the server 26 µs. A run takes a second while the relay works
// off a backlog, and up to eight of ten behind it: a burst of a million events is looked at within a minute of being
// relayed.
//
// # Invariants
//
//   - Nothing that is merely under way is reported: each chunk is read in one snapshot, and what is found there is
//     found again in a second one before it counts.
//   - A discrepancy is told once.
//   - Nothing waits for the self-check.
package selfcheck
