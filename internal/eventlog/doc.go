// Package eventlog reads the log: all entries in the order of their positions, for the relay's tail, and the entries
// of one group in the order of their sequences, for a client that comes back ([Replay]).
//
// # A replay
//
//	head    the newest event of the group, up to a position     one round trip
//	cursor  where the client is: the sequence of its event      one round trip
//	chunks  the events between, bounded in rows and bytes       one for a few events, four or five for a thousand
//
// Hubs and REST follow the same plan, so they answer alike. There is a gap, and the client fetches its state, in
// three cases: the cursor is unknown, the client is further behind than the limit, or the retention has torn a hole.
// A cursor that a new epoch has made doubtful is unknown, too: package relay says why.
//
// # Invariants
//
//   - What a replay returns is contiguous: every event behind the cursor, in order, or [ErrGap].
//   - A read takes no more memory than it was given, unless a single event is larger.
//   - An entry that cannot be read any more, because its row was changed, has no payload and hides no entry behind
//     it.
package eventlog
