// Package pass is one transaction of the relay: it takes the relay's lock, reads a batch of rows, and gives each its
// place in the log or says what becomes of it instead. It has no goroutine and decides nothing about when: package
// relay does, and proves there that no event is lost and that the order is right.
//
//	Begin ──▶ Rows ──▶ (the relay sorts them into [Entries]) ──▶ Commit
//	  │                                                            or Rollback
//	  └─ holds the lock until then
//
// A pass that finds nothing is rolled back, unless that would make the next one look at the same again
// ([Pass.Worthwhile]). [AppendLater] is the other transaction that writes the log: for events that a job has kept, in
// the job's transaction. An idle relay asks [Peek], one round trip that locks and writes nothing.
//
// # Cost of a pass
//
// A [Pass] is two round trips and one flush to disk, however many events it carries:
//
//	1  BEGIN · TransactionSet · StateLock · TargetSet · BatchRead     (pipelined)
//	2  LogAppend or LogAppendKnown · RelayedEventInsert · [GrantFeed] · StateComplete or StateAdvance
//	   · NOTIFY · COMMIT                                              (pipelined)
//
// That is 10 statements, 11 with the first event of an order, and what becomes a dead letter or is a duplicate adds
// one a batch, each; an idle relay's look is one round trip with two. A test holds these numbers. A batch has at most
// a thousand rows and, but for the last of them, 8 MiB of payloads.
//
// For a single event that is some 0.8 ms of the server's time, most of it the start of statements over tables of many
// partitions. In a large batch an event with two entries costs the server about 40 µs, of which inserting two rows of
// the log with their two indexes is 20 µs, the row of relayed_event 4 µs and reading the outbox 7 µs; and it costs
// this process some 10 µs. A group whose head is not remembered costs 25 µs more, as all days of the log are asked;
// an order that has no grant yet, 15 µs.
//
// What a statement looks up for each of its rows it looks up row by row, by index ("(SELECT … LIMIT 1)"). A join or
// an EXISTS may be done by reading the whole other table once, and is, where the statistics are older than the table:
// that made the relay a fifth as fast. Columns are read and written in types that need no reflection.
//
// The state is a row that is inserted, never updated, and read from the end of its index; the mutex is a row that is
// only locked; a group's head is read from the end of its part of the log's index, unless it is remembered from the
// pass before ([Memory]). So nothing that the relay reads has dead versions before it, however long other
// transactions of the cluster have been open.
//
// # Invariants
//
//   - Positions are contiguous from 1 over the whole log, sequences from 1 within each group, and both become visible
//     in order: the lock is held from the read until the commit.
//   - An event id is in the log at most once.
//   - A row of herald.outbox is returned by exactly one committed pass, for a transaction crosses from invisible to
//     visible exactly once.
package pass
