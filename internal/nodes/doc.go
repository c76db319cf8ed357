// Package nodes is the register of the running servers: which of them are alive, where each is reached and how far
// it has broadcast. It also holds the keys that all of them share, and the journal, which says to how many
// connections each node has handed each entry.
//
// # Lifecycle
//
// A node is registered by its first [Register.Heartbeat]; heartbeats are a second apart. It leaves with
// [Register.Leave], or the others' [Register.Reap] removes it when it has been silent for a minute. [Register.Drain]
// says that the node takes no more connections, which is not taken back: of two nodes that drain at once one stays.
//
// # Time
//
// The database's clock decides which nodes are alive. That clock may be set. So any other node's heartbeat brings
// back a row that lies in the future, and such a row is old when it has not moved since.
//
// # Invariants
//
//   - The position in a node's row is the end of its journal: the two are written together.
//   - A journal's rows are numbered from 1 without holes, and each continues the one before or says that the node
//     began anew.
//   - A journal is bounded in memory while the database is away: it gives up counts, and never a place.
//   - Every node knows a key before any node uses it. The key opens what it has sealed for as long as that is valid.
package nodes
