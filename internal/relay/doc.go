// Package relay takes events from the outbox to the log, and from the log to this node's broadcaster.
//
//	producers ──▶ outbox ──▶ [Relay] ──▶ event log ──▶ [Tail] ──▶ broadcaster
//	                 └─ NOTIFY ──▶ [Listener] ──wakes──▶ both
//
// A Relay runs on every node; whichever holds the lock relays, and no other node waits for it. There is no leader and no
// lease: when a node dies its transaction ends, and the next look of any other goes on.
//
// # Order is given once, when a transaction becomes visible
//
// Neither seq nor xid grows in the order of commits, so "everything behind a cursor" loses the events of a transaction that commits
// late, and waiting for every open transaction stalls behind a single long one. The relay reads the difference of two
// snapshots instead: the rows invisible in the one up to which it has relayed and visible in the one that it takes now. A
// transaction crosses from invisible to visible once, so every row is read once, and a long transaction delays only itself.
//
// Where to look: a pass reads the sequence (the floor), then gets its own xid by locking the state, then takes its snapshot.
// A transaction with a higher xid got it later, and draws its seqs later still: its rows lie above the floor. One with a
// lower xid had ended by the snapshot, or was in progress: a straggler, and the state lists those. They are not only the ones that
// the snapshot names: its xmax is one above the newest xid that has ended, so the xids from there up to the pass's own are in
// progress as well. Two index scans find everything, neither longer than what it returns, but for rows that were rolled back.
//
// A backlog is worked off in chunks of BatchSize rows between the same two snapshots, with seq as the cursor, so that
// memory stays bounded and any node can go on where another stopped. Events of one group keep the order in which their producers
// wrote them wherever the producers' own transactions have one: if one began after another had committed, its seq is higher.
//
// # No wake-up is lost
//
// Producers notify only while the relay is armed, for a NOTIFY serialises every commit in the cluster. The relay arms before it
// sleeps, and producers read the flag when they insert:
//
//	relay     pass finds nothing → arm → look again → sleep
//	producer  insert → read the flag → … → commit
//
// The flag is a sequence: whoever reads it after it was set sees it, whatever transaction they are in. So for each event:
//   - the producer read the flag after arm: it was armed, the commit notifies, and the relay wakes;
//   - it read the flag before arm, and committed before the second look: the look finds the event;
//   - it read the flag before arm, and commits after the second look: then its transaction was in progress during that look,
//     and is in the list of those. While any of that list is still in progress the relay is not settled: it does not sleep
//     until it is told, but looks again after 1, 2, 4, … ms, so that such an event waits no longer than its own commit took.
//
// Many transactions that meet an armed relay would commit one after another, so four of them notify and then nobody, until the relay arms
// again. Who read that enough others notify has been found when the last of those commits: the pass that this one wakes sees that the
// count is full, so the relay is not armed, and arms as above. If it rolls back, or stays open, the next look finds the event.
//
// A transaction that has notified cannot be prepared for a two-phase commit. Where the server allows that (max_prepared_transactions above 0), only
// those notify whose setting herald.notify says that they never do so; the others' events wait for the next look.
//
// Behind this stand a look every PollInterval and a sweep job every second, for what the proof assumes and life does not keep: a
// LISTEN connection that is broken, a pooler that swallows notifications. The listener asks for a notification of its own when it begins
// and whenever all is quiet: what does not come is told.
//
// Under load the relay disarms, and nobody notifies. Then it rests after each pass that has caught up, for as long as that took but 5 ms at
// most: a transaction of the relay costs nearly the same for five events as for fifty, and relays, producers and their database share
// processors. A backlog is worked off without a rest.
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
// Any role of the cluster may notify Herald's channels, and a producer may use up the count of those that notify. A look that finds the count
// used up makes the relay look every millisecond for the next second, and begin the count anew when that lasts; three wake-ups in a row that
// led to nothing make relay and tail look every millisecond instead of listening to more. So the others wait half a millisecond longer, and
// noise costs a thousand looks a second at most. What remains: each notification is received and parsed, and a look takes its share of PostgreSQL.
//
// # Whose turn it is
//
// A relay that finds the lock taken goes on looking every 20 ms and waits for nobody: whoever has it relays what is there. Only those who
// relay a single event, which was scheduled or is tried again, wait in line, and could keep passing the lock on among themselves.
// So a relay that finds the lock taken three times, and three times more without the relays having come any further, waits in line itself.
//
// # What is not relayed
//
// A row that cannot be delivered, whatever it holds, becomes a dead letter in the relay's transaction, by one statement a batch. One of a type that only a
// newer release may know becomes a job that tries it again, as does, with its own time, a row that asks to be delivered later. So does an event of the
// analytics group that comes too soon after one of its type, where that is limited: its job delivers the latest of those that come until it is
// due, and the others are dropped, which is recorded. It all happens before the log numbers anything, so positions and sequences have no holes.
//
// # Pause
//
// A pause is a step of the state like any other, taken under the lock: once it is there nobody relays. A paused relay looks every
// PollInterval, and whoever ends the pause notifies. Producers notify nobody meanwhile.
//
// # Epochs
//
// Positions are given once, unless the database itself goes back: a replica that lagged is promoted, or the database is recovered to a
// point in time. Both change the timeline of the write-ahead log. A relay compares that at the beginning of each session, and where it
// has changed begins an epoch: the positions behind the epoch's origin are given anew. The Tail reads the epoch with every look, and
// where it is another one resets the broadcaster to the origin: all clients come back and resume from what the log holds now. A cursor
// that is lost is unknown, so it is a gap. One that is not lost, but was in the outbox and not in the log when the epoch began, is
// doubtful: it may have been sent in another order before. That is a gap, too.
//
// In a database that was restored from a dump transaction ids begin anew, and snapshots mean nothing. No relay works there until the rows
// without a place in the log have been given the xid of one transaction of the new server ([Reseed]).
//
// # Cost
//
// Relaying a batch takes two round trips and one flush (package pass). At rest: one round trip a PollInterval that locks
// and writes nothing.
//
// # Half-dead sessions
//
// A node that is frozen in the middle of its transaction is cut off by the server after a second; one that dies, by its kernel. What
// the network takes without a word is noticed by time-outs at both ends, and by this package's own, for a proxy in between acknowledges
// what it does not pass on.
package relay
