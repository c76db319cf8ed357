// Package torture runs Herald under faults and says whether every client still received exactly what was committed.
//
//	writers ──▶ PostgreSQL ◀── proxy ◀── node 1 ◀──┬── clients (Go), each with the node that it likes
//	   (restarted, killed)  ◀── proxy ◀── node 2 ◀──┤
//	                        ◀── proxy ◀── node 3 ◀──┼── proxy ◀── clients (@microsoft/signalr under Node)
//	                                                └── balancer ◀── every second of them: each request to the next node
//
// [Run] starts the real binary several times on one real PostgreSQL. Writers run business transactions directly on
// the database: mixed isolation levels, rollbacks, savepoints, a long one, event ids that are published again,
// events scheduled for later. Clients follow groups and resume after every cut. Meanwhile the faults of a
// [Schedule], which a seed decides, happen to all of them. In the end the faults stop, everything comes to rest,
// and package checker compares.
//
// # What is compared with what
//
// The truth is what the database holds in the end; a writer whose commit got no answer does not know whether it
// committed. Each event of an order, a cart or a writer takes the next version of a row that the same transaction
// updates (the chain). So the committed events of a chain have to be versions 1 to n, n being what the business
// table says. Each group has to deliver a chain's events in ascending order, because the producers' transactions
// were in that order.
//
// A client keeps a cursor of its own for each group: the event that it processed last. The client resumes with this
// cursor on every connection and node, so an event that comes again is a violation, as is one that never comes. A
// revocation has its place in the log; nothing behind it may reach the client before the grant is given again, so
// the comparison needs no tolerance.
//
// # Faults come by progress, not by the clock
//
// A fault happens when a certain part of the events has been written. So a seed is the same schedule on every
// machine.
package torture
