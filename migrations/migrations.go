// Package migrations holds the database schema: tables as goose migrations in order, functions in their current
// form. Both are embedded into the binary. README.md says how either is changed.
//
//	00001_schema.sql          which functions the database has, the producers' role, the lock of partitions
//	00002_outbox.sql          what producers write, and whether a relay sleeps
//	00003_event_log.sql       what the relay writes: the log, heads, deduplication
//	00004_relay_state.sql     the relay's lock, its state step by step, epochs, pace
//	00005_dead_letters.sql    events that could not be delivered, and the periodic jobs
//	00006_access.sql          grants
//	00007_nodes.sql           nodes, their keys, and what each has broadcast
//	00008_platform_stats.sql  the platform's statistics
//	00009_selfcheck.sql       how far the self-check has looked, and what it has found
//
// A released migration is never edited; a change is a new file. There are no down migrations: a schema only moves
// forward.
package migrations

import "embed"

// FS holds the migrations for goose, and the functions.
//
//go:embed *.sql functions
var FS embed.FS
