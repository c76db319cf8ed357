// Package postgres is everything between Herald and its database that is not a query: the connection pool, the migrations,
// and the embedded cluster, a private PostgreSQL server for machines that have none running.
//
// # The pool
//
// [Open] waits for a database that is down, starting, full or (where it is to write) a standby, and fails at once where waiting cannot
// help: [Final] says what that is. A [Waiter] waits for further steps in the same way, and tells a wait once, however long it is. No error
// and no log line carries a password. Servers of other versions than PostgreSQL 15 to 18 are refused, newer ones too.
//
// Where a pooler stands in between, nothing is relied on that lasts longer than a transaction: no startup parameter that a pooler
// refuses, no setting of a session, no statement that is prepared by name. Sessions that are Herald's alone get every setting that the
// correctness or the timing of their work depends on, whatever the database and the role have for it (session.go): a name is looked for in
// [SearchPath] only, and what is left half-dead at either end is cut. Behind a pooler the role has to have them: [Unsettled] says which lack.
//
// # Migrations
//
// [Migrate] applies Herald's own migrations with goose, then River's, then Herald's functions, in the schema herald. Any number
// of processes may call it at once: one of them holds the lock of a table that only Herald's role can lock, and a step that
// another process has done is not done again. A process that waits says for whom.
// [Status] and [CheckMigrated] only read.
//
// A schema only moves forward. Functions are applied anew, all in one transaction, when their set has changed ([Functions]). The
// set has a version: an older binary leaves newer functions alone, so that nodes of two releases can start in any order. A
// schema from before the first release had migrations of other numbers, and is refused ([ErrBeforeRelease]).
//
// # The embedded cluster
//
// [StartCluster] starts a server as a child process on data that outlives it; [Cluster.Stop] shuts it down in order.
//
//	               StartCluster                          Stop
//	(no data) ──────▶ initdb ──▶ ┐                  ┌──────────▶ stopped
//	(data) ───────────────────▶ starting ──▶ running ┤                │ Restart
//	(orphan running) ─▶ stop it ▶ ┘     ▲            └─ Kill ─▶ dead ──┤
//	                                    └─────────────────────────────┘
//
// [Cluster.Keep] watches over it: a server that ends by itself is told of, and started again as after Kill.
//
// Invariants:
//   - One Herald per data directory: it holds a file lock for as long as it lives, so a server that runs on the data without
//     that lock is an orphan and may be stopped.
//   - The data directory is either absent or complete: initdb works beside it and is renamed into place.
//   - The server listens on a Unix socket in a directory that only its own user can enter, and on 127.0.0.1 with a generated
//     password; never on another address.
//   - The server is in a process group of its own: Ctrl-C in a terminal reaches Herald alone, which stops the server last. On
//     Linux the kernel shuts it down where Herald dies without stopping it.
//   - Started by root, neither initdb nor the server runs as root, and what root writes lies in directories that only root may
//     write to.
package postgres
