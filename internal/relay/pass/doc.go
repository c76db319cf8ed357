// Package pass is one transaction of the relay: it takes the relay's lock, reads a batch of rows, and gives each row
// its place in the log or records what becomes of it instead. It has no goroutine and does not decide when to run:
// package relay does, and proves there that no event is lost and that the order is right.
//
//	Begin ──▶ Rows ──▶ (the relay sorts them into [Entries]) ──▶ Commit
//	  │                                                            or Rollback
//	  └─ holds the lock until then
//
// A pass that finds nothing is rolled back, unless that would make the next pass look at the same rows again
// ([Pass.Worthwhile]). [AppendLater] is the other transaction that writes the log: for events that a job has kept,
// in the job's transaction. An idle relay calls [Peek], one round trip that locks and writes nothing.
//
// # Cost of a pass
//
// A [Pass] is two round trips and one flush to disk, however many events it carries:
//
//	1  BEGIN · TransactionSet · StateLock · TargetSet · BatchRead     (pipelined)
//	2  LogAppend or LogAppendKnown · RelayedEventInsert · [GrantFeed] · StateComplete or StateAdvance
//	   · NOTIFY · COMMIT                                              (pipelined)
//
// That is 10 statements, 11 with the first event of an order. Dead letters add one a batch, and so do duplicates. An
// idle relay's look is one round trip with two statements. A test holds these numbers. A batch has at most a
// thousand rows and, except for its last row, 8 MiB of payloads.
//
// A single event costs some 0.8 ms of the server's time, most of it the start of statements over tables of many
// partitions. In a large batch an event with two entries costs the server about 40 µs: inserting two rows of the log
// with their two indexes 20 µs, the row of relayed_event 4 µs, reading the outbox 7 µs. It costs this process some
// 10 µs. A group whose head is not remembered costs 25 µs more, because all days of the log are asked; an order that
// has no grant yet costs 15 µs more.
//
// Statements look up what they need for each row by index, row by row ("(SELECT … LIMIT 1)"). A join or an EXISTS
// may be planned as reading the whole other table once, and is planned so where the statistics are older than the
// table: that made the relay a fifth as fast. Columns are read and written in types that need no reflection.
//
// The state is a row that is inserted, never updated, and read from the end of its index. The mutex is a row that is
// only locked. A group's head is read from the end of its part of the log's index, unless it is remembered from the
// pass before ([Memory]). So nothing that the relay reads has dead versions before it, however long other
// transactions of the cluster have been open.
//
// # Invariants
//
//   - Positions are contiguous from 1 over the whole log, sequences from 1 within each group. Both become visible in
//     order, because the lock is held from the read until the commit.
//   - An event id is in the log at most once.
//   - A row of herald.outbox is returned by exactly one committed pass, because a transaction crosses from invisible
//     to visible exactly once.
package pass
