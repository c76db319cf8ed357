// Package broadcast hands the entries of the event log to the connections in their groups. A client that was away
// resumes from the last event that it processed: nothing missing, nothing twice, in order.
//
// # Lifecycle
//
// [New], then [Broadcaster.Start] with the position behind which broadcasting begins, before the first connection.
// One goroutine, which follows the log, calls [Broadcaster.Broadcast]. Connections join with [Broadcaster.Subscribe]
// and [Broadcaster.Resume], or with an [Admission] where a permission is checked. [Broadcaster.Disconnect] removes a
// connection from all its groups. There is nothing to close: no goroutine of the package outlives a call.
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
// A resume that has to read the log has three steps:
//
//	under the lock    join as "catching up" at position P; from here on Broadcast puts the group's entries
//	                  aside (pending)
//	without a lock    locate the cursor, read the group's events behind it up to P, queue them, waiting where the client
//	                  does not keep up
//	under the lock    call joined, which queues the result; queue what is pending; become live
//
// If the ring of recent events shows every needed event, and they fit comfortably into the queue, the whole resume
// happens under one lock, without catching up.
//
// # Why nothing is missing and nothing comes twice
//
// All of a group's entries are handled under its lock, in the order of their positions, by the one caller of
// Broadcast. Handling an entry sets the group's handled position to the entry's. Only then, with the lock released,
// does the broadcaster's own position advance to it. Only after that may the ring evict it.
//
// A member joins under the lock, at P = max(the broadcaster's position, the group's handled position). Take any
// entry e of the group:
//
//   - e has been handled. Then its position is at most the group's handled position, and so at most P, unless the
//     group has been forgotten since, with that number. A group is forgotten only when the ring holds none of its
//     entries. e was put into the ring when it was handled, and is evicted only after the broadcaster's position
//     has advanced to it. So then its position is at most the broadcaster's position, and again at most P. (The
//     broadcaster's position alone is not enough: between the handling and the advance it is before e, and e would
//     be neither replayed nor live. The group's alone is not enough either: a new group has none.)
//   - e has not been handled. Then the broadcaster's position, which advances over handled entries only, is before
//     e. The group's handled position is too, because entries are handled in order. So e is behind P.
//
// So the entries up to P are exactly those that will not come live, and those behind P are exactly those that will,
// to pending or to the queue. The replay sends the events up to P that the cursor lacks. Sequences are contiguous
// within a group, so a hole in the read events shows, and the answer is a gap. Pending entries are in order and
// behind P, later live ones are behind them, and the switch is made under the lock. Therefore a connection receives
// a group's events contiguously. eventlog.Log has every entry up to P: it was committed before it was broadcast.
//
// joined is called between the last replayed event and the first live one. Its result names the newest event at the
// moment of joining, and so is a correct cursor wherever the connection breaks afterwards.
//
// # Resuming in special cases
//
// The cursor may be ahead of P: the client comes from a node that had broadcast more than this one. Nothing is
// replayed, and the result repeats the cursor. When this node broadcasts the events up to the cursor, the client is
// not sent them.
//
// A connection that is a member already has been sent everything since it joined. Let J be the last event before
// that: where it subscribed or joined live, the head at that moment; where it resumed, the event that it named.
// Naming an event before J (or J itself, if the client did not name J before) asks for earlier events: only the
// events up to J are sent, none of those that it has had live, and J becomes the named event. Naming J again or an
// event behind it rewinds: everything behind the named event is sent again, because the client says that it needs
// it. J stays, as the client has been sent all that follows it.
//
// A gap, and a resume with [eventlog.Live], leave a member's J as it is. A gap itself tells the client to fetch the
// state.
//
// If the retention drops events while they are being replayed, the result is a gap with the number of events that
// had been sent. No other gap replays events.
//
// A group keeps its numbering when the retention has dropped all its events. The result is then uuid.Nil, from which
// the next resume goes on, and the sequence of the last event. A group without events for very long loses its
// numbering too, and its next event is its first again; every client that was told a sequence is then closed, to
// come back and resume.
//
// An entry that cannot be encoded is logged, counted and skipped, live and in replays, so that it does not hold up
// later entries. The relay checks every event before it gives it a place, so only a log written by another release
// has such an entry.
//
// # Revocations
//
// An AccessRevoked entry removes its user's members from the group at its place in the log. That alone would leave a
// hole: a permission checked just before the revocation was committed, for a connection that joins just after it was
// handled. An [Admission] closes the hole. It is taken before the check and notes how many revocations have been
// handled. Joining compares the number under the lock; if it has changed, joining fails with [ErrStale]. A
// revocation that is committed after the check is handled after the Admission was taken: either before the join,
// which is then stale, or after it, when the revocation finds the member. A cache of permissions has to drop its
// answer before [Broadcaster.Broadcast] is called with the revocation.
//
// A member that a revocation has removed may still have access. [Config].Revoked lets the caller check, and close
// the connection so that it comes back.
//
// # Bounds
//
// [Config] has a limit for each of these: a member's pending entries, a replay's share of the queue and the part
// that it has read from the log, in bytes; the number of events of a replay; the groups of a connection; each wait;
// and each read. The ring is bounded in bytes over all groups and evicts the oldest position first. A group without
// members and recent entries is forgotten.
//
// # Cost
//
// One entry costs one group lock, one lookup and three allocations, of which two are its message, made once per
// shape and not at all for a group without members: 1 µs warm, 2 µs with cold caches. One member costs one interface
// call of Queue and a pointer append under the connection's own lock, without allocation or goroutine, and for each
// batch one Flush, which is one system call. A batch that is large beside a queue, or reaches very many members, is
// flushed in parts. When very many connections are to be flushed, all processors share the work. Joining and leaving
// cost one group lock each and about 250 bytes. A resume from the ring adds one comparison per event that it looks
// back over.
//
// Locks, always in this order: a group's shard, then a connection's list of members or its queue. Only the caller of
// Broadcast touches the order of the ring.
package broadcast
