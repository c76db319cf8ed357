// Package outbox is herald.outbox in domain terms: the rows that producers write, what becomes of an event, and the
// dead letters. The relay's transaction is in relay/pass, the log that gives the events their order in eventlog.
//
// The queries are in sql/queries, generated into postgres/dbsqlc. Code that serves events goes through this package
// and the other packages of its kind. Only code that observes (herald check, the benches) or plays a producer (the
// simulation) writes SQL of its own.
//
// # Cost of publishing
//
// publish_order_event in a transaction of its own costs the server about 70 µs under load. A plain insert of a row
// of the same size costs 22 µs. The parts: the row with its two indexes 13 µs, preparing and routing an insert of so
// many columns into a partition 14 µs, the trigger that checks the row and wakes the relay 17 µs; the rest is the
// event's id, its payload and the function around them. PL/pgSQL prepares an expression anew in each transaction
// that evaluates it, so the cost is the number of parts that the expressions of the common case have. A publish
// locks nothing that another producer waits for, and sends nothing while the relay is awake.
//
// The index on (xid, seq) is 3 µs of that. It finds the rows of a transaction that was open for long without reading
// all rows that were written meanwhile.
//
// # What a row may hold
//
// Anything: the outbox checks what producers write, but its owner can write past the checks, and an older release
// checked less. A row that cannot be delivered is found when it is read (a time that is none, an id that is missing,
// a column that is too large to be read at all), or when its event is turned into groups; [Row.Targets] says which.
// A row that the server itself cannot send makes a batch fail: the batch is halved until the row is alone, and then
// only the row's place is read. Readers behind the relay (the log, the lists, the traces) also take rows that no
// check has seen, because an owner can change a row that has its place.
//
// # Invariants
//
//   - An event is waiting, set aside as a job, dead, or in the log: exactly one of these, once its transaction has
//     committed.
//   - A dead letter keeps its row for as long as it is listed, so that it can be mended and tried again.
//   - A recorded reason or name is short and valid text, whatever a producer has put into it.
package outbox
