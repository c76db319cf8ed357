// Package postgres is everything between Herald and its database that is not a query: the connection pool, the
// migrations, and the embedded cluster, a private PostgreSQL server for machines that have none running.
//
// # The pool
//
// [Open] waits for a database that is down, starting, full or (where it is to write) a standby. It fails at once
// where waiting cannot help: [Final] says when that is. A [Waiter] waits for further steps in the same way, and logs
// a wait once, however long it is. No error and no log line carries a password. Servers of other versions than
// PostgreSQL 15 to 18 are refused, newer ones too.
//
// Behind a pooler Herald relies on nothing that lasts longer than a transaction: no startup parameter that a pooler
// refuses, no setting of a session, no statement that is prepared by name. Sessions that are Herald's alone get
// every setting that the correctness or the timing of their work depends on, whatever the database and the role have
// for it (session.go): names are looked for in [SearchPath] only, and a half-dead session is cut at either end.
// Behind a pooler the role has to have these settings: [Unsettled] says which lack.
//
// # Migrations
//
// [Migrate] applies Herald's own migrations with goose, then River's, then Herald's functions, in the schema herald.
// Any number of processes may call it at once: one of them holds the lock of a table that only Herald's role can
// lock, and a step that another process has done is not done again. A process that waits logs which process it waits
// for. [Status] and [CheckMigrated] only read.
//
// A schema only moves forward. Functions are applied anew, all in one transaction, when their set has changed
// ([Functions]). The set has a version: an older binary leaves newer functions alone, so that nodes of two releases
// can start in any order. A schema from before the first release had migrations of other numbers, and is refused
// ([ErrBeforeRelease]).
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
// [Cluster.Keep] watches the server: an end that Herald did not ask for is logged, and the server is started again
// as after Kill.
//
// Invariants:
//   - One Herald per data directory: it holds a file lock for as long as it lives. So a server that runs on the data
//     without that lock is an orphan and may be stopped.
//   - The data directory is either absent or complete: initdb works beside it, and the result is renamed into place.
//   - The server listens on a Unix socket in a directory that only its own user can enter, and on 127.0.0.1 with a
//     generated password; never on another address.
//   - The server is in a process group of its own: Ctrl-C in a terminal reaches Herald alone, which stops the server
//     last. On Linux the kernel shuts the server down where Herald dies without stopping it.
//   - Where root starts Herald, neither initdb nor the server runs as root, and root writes only to directories that
//     only root may write to.
package postgres
