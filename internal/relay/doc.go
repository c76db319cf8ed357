// Package relay takes events from the outbox to the log, and from the log to this node's broadcaster.
//
//	producers ──▶ outbox ──▶ [Relay] ──▶ event log ──▶ [Tail] ──▶ broadcaster
//	                 └─ NOTIFY ──▶ [Listener] ──wakes──▶ both
//
// A Relay runs on every node. The relay that holds the lock relays; the others do not wait for it. There is no
// leader and no lease: when a node dies its transaction ends, and the next look of any other node goes on.
//
// # Order is given once, when a transaction becomes visible
//
// Neither seq nor xid grows in the order of commits. So "everything behind a cursor" loses the events of a
// transaction that commits late, and waiting for every open transaction stalls behind a single long one. The relay
// reads the difference of two snapshots instead: the rows that were invisible in the snapshot up to which it has
// relayed, and are visible in the one that it takes now. A transaction crosses from invisible to visible once, so
// every row is read once, and a long transaction delays only itself.
//
// Where to look: a pass reads the sequence (the floor), then gets its own xid by locking the state, then takes its
// snapshot. A transaction with a higher xid got it later, and draws its seqs later still: its rows lie above the
// floor. A transaction with a lower xid had ended by the snapshot, or was in progress: a straggler. The state lists
// the stragglers. The snapshot does not name all of them: its xmax is one above the newest xid that has ended, so
// the xids from xmax up to the pass's own are in progress as well. Two index scans find everything. Neither is
// longer than what it returns, except for rows that were rolled back.
//
// A backlog is worked off in chunks of BatchSize rows between the same two snapshots, with seq as the cursor. So
// memory stays bounded, and any node can go on where another stopped. Events of one group keep the order in which
// their producers wrote them wherever the producers' transactions have an order: if one began after another had
// committed, its seq is higher.
//
// # No wake-up is lost
//
// Producers notify only while the relay is armed, because a NOTIFY serialises every commit in the cluster. The relay
// arms before it sleeps, and producers read the flag when they insert:
//
//	relay     pass finds nothing → arm → look again → sleep
//	producer  insert → read the flag → … → commit
//
// The flag is a sequence: a producer that reads it after it was set sees the new value, in any transaction. So for
// each event:
//   - The producer read the flag after arm: the relay was armed, the commit notifies, and the relay wakes.
//   - The producer read the flag before arm, and committed before the second look: that look finds the event.
//   - The producer read the flag before arm, and commits after the second look: its transaction was in progress
//     during that look, which lists the transactions in progress. While any of these is still in progress the relay
//     is not settled: it looks again after 1, 2, 4, … ms instead of sleeping until it is notified. So such an event
//     waits no longer than its own commit took.
//
// Many transactions that meet an armed relay would commit one after another. So only four of them notify, until the
// relay arms again. The events of a producer that read "four notify already" are found when the last of the four
// commits: the pass that this commit wakes sees that the count is full, so the relay is not armed, and arms as
// above. If that transaction rolls back, or stays open, the next look finds the event.
//
// A transaction that has notified cannot be prepared for a two-phase commit. Where the server allows two-phase
// commits (max_prepared_transactions above 0), only those producers notify whose setting herald.notify says that
// they never prepare a transaction. The others' events wait for the next look.
//
// The proof assumes that notifications arrive. A broken LISTEN connection and a pooler that swallows notifications
// break that assumption, so a look every PollInterval and a sweep job every second stand behind it. The listener
// asks for a notification of its own when it begins and whenever all is quiet: a missing answer is reported.
//
// Under load the relay disarms, and no producer notifies. The relay then rests after each pass that has caught up,
// for as long as the pass took, 5 ms at most: a transaction of the relay costs nearly the same for five events as
// for fifty, and relays, producers and their database share processors. A backlog is worked off without a rest.
//
//	         found rows                     nothing for Linger
//	┌────▶ RELAYING ◀───────┐   ┌──────────────────────────────────┐
//	│        │ nothing      │   │                                  ▼
//	│        └──▶ LINGERING ┘───┘         look finds rows ◀── ARMED, looking
//	│                                                           │ nothing
//	└────────── woken, or a poll finds rows ──── SLEEPING ◀─────┘
//
// # Noise
//
// Any role of the cluster may notify Herald's channels, and a producer may use up the count of notifying
// transactions. A look that finds the count used up makes the relay look every millisecond for the next second, and
// begin the count anew when the count stays used up. Three wake-ups in a row that led to nothing make relay and tail
// ignore wake-ups and look every millisecond. So noise delays events by half a millisecond, and costs a thousand
// looks a second at most. What remains: each notification is received and parsed, and a look takes its share of
// PostgreSQL.
//
// # Whose turn it is
//
// A relay that finds the lock taken looks again every 20 ms and does not wait in line: the holder relays what is
// there. Only jobs that relay a single event, one that was scheduled or is tried again, wait in line, and they could
// keep passing the lock on among themselves. So a relay that finds the lock taken three times, and three times more
// without any progress of the relays, waits in line itself.
//
// # What is not relayed
//
// A row that cannot be delivered, whatever it holds, becomes a dead letter in the relay's transaction, by one
// statement a batch. A row of a type that only a newer release may know becomes a job that tries it again. A row
// that asks to be delivered later becomes a job, too, with its own time. So does an event of the analytics group
// that comes too soon after one of its type, where the rate is limited: its job delivers the latest of the events
// that come until it is due, and the others are dropped, which is recorded. All of this happens before the log
// numbers anything, so positions and sequences have no holes.
//
// # Pause
//
// A pause is a step of the state like any other, taken under the lock: after that step no node relays. A paused
// relay looks every PollInterval, and ending the pause notifies it. Producers do not notify meanwhile.
//
// # Epochs
//
// Positions are given once, unless the database itself goes back: a replica that lagged is promoted, or the database
// is recovered to a point in time. Both change the timeline of the write-ahead log. A relay compares the timeline at
// the beginning of each session. Where it has changed the relay begins an epoch: the positions behind the epoch's
// origin are given anew. The Tail reads the epoch with every look. Where the epoch has changed it resets the
// broadcaster to the origin: all clients come back and resume from what the log holds now. A cursor whose event is
// lost is unknown, so it is a gap. A cursor is doubtful whose event is not lost, but was in the outbox and not in
// the log when the epoch began: the event may have been sent in another order before. That is a gap, too.
//
// In a database that was restored from a dump transaction ids begin anew, and snapshots mean nothing. No relay works
// there until the rows without a place in the log have been given the xid of one transaction of the new server
// ([Reseed]).
//
// # Cost
//
// Relaying a batch takes two round trips and one flush (package pass). At rest: one round trip a PollInterval that
// locks and writes nothing.
//
// # Half-dead sessions
//
// The server cuts off a node that is frozen in the middle of its transaction after a second. The kernel closes the
// connections of a node that dies. What the network drops silently is noticed by time-outs at both ends, and by this
// package's own, because a proxy in between acknowledges what it does not pass on.
package relay
