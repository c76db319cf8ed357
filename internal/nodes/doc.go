// Package nodes is the register of the running servers: who is alive, where each is reached and how far it has
// broadcast; the keys that all of them share; and the journal, which says what each has handed to how many
// connections.
//
// # Lifecycle
//
// A node is registered by its first [Register.Heartbeat], a second apart from the next. It leaves with
// [Register.Leave], or is taken out by the others' [Register.Reap] when it has been silent for a minute.
// [Register.Drain] says that it takes no connections any more, which is not taken back: of two nodes that drain at
// once one stays.
//
// # Time
//
// Who is alive is said by the database's clock. That may be set, so a row that lies in the future is brought back by
// any other node's heartbeat, and old when it has not moved since.
//
// # Invariants
//
//   - The position in a node's row is the end of its journal: the two are written together.
//   - A journal's rows are numbered from 1 without holes, and each continues the one before or says that the node
//     began anew.
//   - A journal is bounded in memory while the database is away: it gives up counts, and never a place.
//   - A key is known to every node before one uses it, and opens what it has sealed for as long as that is worth
//     anything.
package nodes
