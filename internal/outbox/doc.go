// Package outbox is the database in domain terms: rows that producers wrote, the log that gives them their order, grants,
// statistics, nodes. The queries are in sql/queries, generated into dbsqlc. What serves events goes through this package; only what
// looks on (herald check, the benches) or plays a producer (the simulation) writes SQL of its own.
//
// # Cost of publishing
//
// publish_order_event in a transaction of its own costs the server about 70 µs under load, where a plain insert of a row of the same size
// costs 22 µs: the row with its two indexes 13 µs, preparing and routing an insert of so many columns into a partition 14 µs, the
// trigger that checks the row and wakes the relay 17 µs, the event's id, its payload and the function around them the rest. PL/pgSQL prepares an
// expression anew in each transaction that evaluates it, so what counts is how many parts the expressions of the common case have.
// Nothing is locked that another producer waits for, and nothing is sent while the relay is awake.
//
// The index on (xid, seq) is 3 µs of that. It finds what a transaction that was open for long has written without reading all that was
// written meanwhile.
//
// # Cost of relaying a batch
//
// A [pass.Pass] is two round trips and one flush to disk, however many events it carries:
//
//	1  BEGIN · TransactionSet · StateLock · TargetSet · BatchRead     (pipelined)
//	2  LogAppend or LogAppendKnown · RelayedEventInsert · [GrantFeed] · StateComplete or StateAdvance · NOTIFY · COMMIT  (pipelined)
//
// That is 10 statements, 11 with the first event of an order, and what becomes a dead letter or is a duplicate adds one a batch, each; an idle
// relay's look is one round trip with two. A test holds these numbers. A batch has at most a thousand rows and, but for the last of them,
// 8 MiB of payloads.
//
// For a single event that is some 0.8 ms of the server's time, most of it the start of statements over tables of many partitions. In a
// large batch an event with two entries costs the server about 40 µs, of which inserting two rows of the log with their two indexes is
// 20 µs, the row of relayed_event 4 µs and reading the outbox 7 µs; and it costs this process some 10 µs. A group whose head is not
// remembered costs 25 µs more, as all days of the log are asked; an order that has no grant yet, 15 µs.
//
// What a statement looks up for each of its rows it looks up row by row, by index ("(SELECT … LIMIT 1)"). A join or an EXISTS may be done
// by reading the whole other table once, and is, where the statistics are older than the table: that made the relay a fifth as fast.
// Columns are read and written in types that need no reflection.
//
// The state is a row that is inserted, never updated, and read from the end of its index; the mutex is a row that is only locked; a group's
// head is read from the end of its part of the log's index, unless it is remembered from the pass before ([pass.Memory]). So nothing that
// the relay reads has dead versions before it, however long other transactions of the cluster have been open.
//
// An idle relay asks [pass.Peek], one round trip that locks and writes nothing.
//
// # What a row may hold
//
// Anything: the outbox checks what producers write, but its owner can write past that, and an older release checked less. What cannot be
// delivered is found when the row is read (a time that is none, an id that is missing, a column that is too large to be read at all), or when its event
// is turned into groups; [Row.Targets] says which. What the server itself cannot send makes a batch fail: it is halved until the row is
// alone, of which only its place is read then. Whoever reads rows behind the relay (the log, the lists, the traces) takes what no check
// has seen, too, because an owner can change a row that has its place.
//
// # Time
//
// The database's clock decides what is due, who is alive and what is old; [dbclock.Clock] is what a node knows of it, and of how wrong its own is. That
// clock may be set as well, so no time that is stored is trusted to be past, nor two to be in the order in which they were written: what the
// order of things hangs on is a number (a position, a row's number in a journal, an epoch). A node's row that lies in the future is brought back
// by any other's heartbeat, and old when it has not moved since. A day of the log that lies between others, by position, stays with them.
// For a day after the clock was seen to be set forward retention drops nothing.
//
// # Cost of the audit
//
// An order's event, with two entries and a row, costs the server 26 µs. A run takes a second while the relay works off a backlog, and up to eight of
// ten behind it: a burst of a million events is audited within a minute of being relayed.
//
// # Invariants
//
//   - Positions are contiguous from 1 over the whole log, sequences from 1 within each group, and both become visible in
//     order: the lock is held from the read until the commit.
//   - An event id is in the log at most once.
//   - Retention drops nothing that a node, a job, a dead letter or an entry of the log still needs.
//   - The position in a node's row is the end of its journal: the two are written together. A journal's rows are numbered from 1 without
//     holes, and each continues the one before or says that the node began anew.
//   - What was committed, what is in the log and what was broadcast agree, which the [selfcheck.Checker] checks all the time.
//   - A row of herald.outbox is returned by exactly one committed pass, for a transaction crosses from invisible to visible
//     exactly once.
package outbox
