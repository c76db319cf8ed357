// Package selfcheck checks that the tables agree: what was committed to the outbox, what is in the log, and what
// each node says that it has broadcast. (Package auditlog is something else: it records who did what.)
//
// [Checker.Run] looks every ten seconds at what is new, on any one node; [Checker.Full] looks at all that is
// retained. Metrics, logs and the commands call the self-check the audit.
//
// # Cost
//
// An order's event, with two entries and a row, costs the server 26 µs. A run takes one second while the relay works
// off a backlog, and up to eight of every ten seconds behind it: a burst of a million events is looked at within a
// minute of being relayed.
//
// # Invariants
//
//   - Nothing is reported that is merely under way: each chunk is read in one snapshot, and a finding counts only
//     when a second snapshot shows it again.
//   - A discrepancy is reported once.
//   - Nothing waits for the self-check.
package selfcheck
