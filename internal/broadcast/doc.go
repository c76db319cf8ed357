// Package broadcast hands the entries of the event log to the connections in their groups, and lets those who were away
// resume from the last event that they processed: nothing missing, nothing twice, in order.
//
// # Lifecycle
//
// [New], then [Broadcaster.Start] with the position behind which broadcasting begins, before the first connection. One
// goroutine, which follows the log, calls [Broadcaster.Broadcast]. Connections join with [Broadcaster.Subscribe] and
// [Broadcaster.Resume], or with an [Admission] where a permission is checked, and are taken out of all their groups by
// [Broadcaster.Disconnect]. There is nothing to close: no goroutine of the package outlives a call.
//
// # The life of a member
//
//	             Subscribe, or Resume that the ring can answer
//	    ┌──────────────────────────────────────────────────────────┐
//	    │                                                          ▼
//	not a member ── Resume ──▶ catching up at P ── replay ended ──▶ live ── Broadcast ──▶ queue
//	    ▲                          │   ▲                           │  │
//	    │                          │   └── Resume of a member ─────┘  │
//	    │      the log cannot be read: back to what it was before     │
//	    │                          │                                  │
//	    └── Unsubscribe · AccessRevoked · Disconnect · queue full ────┘
//	           · too many pending events · client does not read
//
// A resume that has to read the log goes like this:
//
//	under the lock    join as "catching up" at position P; from here on Broadcast puts the group's entries aside (pending)
//	without a lock    locate the cursor, read the group's events behind it up to P, queue them, waiting where the client
//	                  does not keep up
//	under the lock    call joined, which queues the result; queue what is pending; become live
//
// Where the ring of recent events shows everything, and it fits comfortably into the queue, all of it happens under one
// lock and there is nothing to catch up with.
//
// # Why nothing is missing and nothing comes twice
//
// All of a group's entries are handled under its lock, in the order of their positions, by the one caller of Broadcast. Handling
// an entry sets the group's handled position to the entry's; only then, the lock released, is the broadcaster's own position
// advanced to it, and only then may the ring evict it.
//
// A member joins under the lock, at P = max(the broadcaster's position, the group's handled position). Take any entry e of
// the group:
//
//   - e has been handled. Then its position is at most the group's handled position, and so at most P, unless the group has
//     been forgotten since, with that number. A group is forgotten only when the ring holds none of its entries; e was put
//     into the ring when it was handled, and is evicted only after the broadcaster's position has been advanced to it; so then
//     its position is at most the broadcaster's position, and again at most P. (The broadcaster's position alone would not
//     do: between the handling and the advance it is behind e, and e would be neither replayed nor live. The group's alone
//     would not do either: it is unknown for a group that has just been made.)
//   - e has not been handled. Then the broadcaster's position, which is advanced over handled entries only, is before e, and
//     the group's handled position is too, because entries are handled in order. So e is behind P.
//
// So the entries up to P are exactly those that will not come live, and those behind P are exactly those that will, to
// pending or to the queue. The replay sends the events up to P that the cursor lacks; as sequences are contiguous within a
// group, a hole in what was read shows and is answered with a gap. Pending entries are in order and behind P, later live ones
// are behind them, and the switch is made under the lock. Therefore what a connection is sent of a group is contiguous.
// eventlog.Log has every entry up to P: it was committed before it was broadcast.
//
// joined is called between the last replayed event and the first live one, so its result names the newest event at the moment
// of joining and is a cursor that is right wherever the connection breaks afterwards.
//
// # Resuming in special cases
//
// The cursor may be ahead of P: the client comes from a node that had broadcast more than this one. Nothing is replayed,
// the result repeats the cursor, and the events up to the cursor are not sent when this node gets to them.
//
// A connection that is a member already has been sent everything since it joined. Let J be the last event before that: where
// it subscribed or joined live, the head at that moment; where it resumed, the event that it named. Naming an event
// before J (or J itself, where it was not the client that named J) asks for what it lacks: only the events up to J are sent, none
// of those that it has had live; J becomes that event. Naming J again or an event behind it rewinds: everything behind the
// named event is sent again, because the client says that it needs it. J stays, as the client has been sent all that follows it.
//
// A gap, and a resume with [eventlog.Live], leave a member what it was. The gap says so itself: fetch the state.
//
// If the retention drops events while they are being replayed, the result is a gap with the number of events that had been
// sent: the one case of a gap that replays something.
//
// A group whose events the retention has dropped, all of them, goes on with its numbering: the result is then uuid.Nil, from which
// the next resume goes on, and the sequence of the last one. Where the group was without events for so long that even its numbering was
// forgotten, the next event is its first again; whoever was told of a sequence is closed to come back and resume.
//
// An entry that cannot be encoded is logged, counted and passed over, live and in replays: it must not hold up the ones
// behind it. The relay checks every event before it gives it a place, so this takes a log written by another release.
//
// # Revocations
//
// An AccessRevoked entry takes its user's members out of the group at its place in the log. That alone would leave a hole: a
// permission checked just before the revocation was committed, for a connection that joins just after it was handled. An
// [Admission] closes it: it is taken before the check and notes how many revocations have been handled; joining compares
// the number under the lock, and one that has changed is [ErrStale]. A revocation that is committed after the check is
// handled after the Admission was taken: either before the join, which is then stale, or after it, when it finds the member.
// Whoever answers the check from memory has to forget before [Broadcaster.Broadcast] is called with the revocation.
//
// A member that a revocation has taken out may be entitled all the same. [Config].Revoked lets somebody look, and close it to come back.
//
// # Bounds
//
// Each member's pending entries, each replay's share of the queue and what it has read from the log, in bytes, the number of events of a replay, the groups of a
// connection, each wait and each read have a limit in [Config]. The ring is bounded in bytes over all groups, oldest
// position first; a group without members and recent entries is forgotten.
//
// # Cost
//
// One entry: one group lock, one lookup, three allocations, of which two are its message, made once per shape and not at all for
// nobody; about 1 µs, and 2 where the caches have been left to others. One member: one interface call of Queue, a pointer append under the connection's own lock; no allocation,
// no goroutine; and one of Flush for all that a batch has for it, which is one system call. When a batch is large beside a
// queue, or reaches very many members, it is flushed in parts; when very many are to be flushed, all processors share the
// work. Joining and leaving: one group lock each and about 250 bytes. A resume from the ring adds one comparison per event that
// it looks back over.
//
// Locks, always in this order: a group's shard, then a connection's list of members or its queue. The caller of Broadcast
// alone owns the order of the ring.
package broadcast
