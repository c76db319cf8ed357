// Package retention makes the days of the outbox and the log, as partitions ahead of time, and drops what is older
// than it has to be kept: [EnsurePartitions] and [Retention]. [ReadGrowth] measures the tables.
//
// # Time
//
// The database's clock decides what is old. That clock may be set: for a day after it was seen to be set forward
// nothing is dropped, and a day of the log that lies between others, by position, stays with them.
//
// # Cost
//
// A day is dropped by one statement, however large it is. Everything else is deleted in transactions of ten thousand
// rows. A statement that waits for the lock of a partition gives up after 200 ms, because producers queue behind it.
//
// # Invariants
//
//   - Nothing is dropped that a node, a job, a dead letter or an entry of the log still needs.
//   - A group goes on with its numbering when all of its entries are gone.
//   - The id of a relayed event is known for as long as the log or the outbox can show the event.
package retention
