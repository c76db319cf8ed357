// Package migrations holds the database schema: goose migrations in order, embedded into the binary.
//
//	00001_outbox.sql           what producers write, and the wake-up of the relay
//	00002_event_log.sql        what the relay writes: order, heads, deduplication; and its state
//	00003_access.sql           grants
//	00004_platform.sql         statistics and nodes
//	00005_publish.sql          the producers' functions, and the role that may call them
//	00006_operations.sql       dead letters that were dropped
//	00007_relay_state.sql      the relay's state as steps, its pause, epochs
//	00008_retention.sql        what drops that which is older than the retention
//	00009_journal.sql          what each node has broadcast, what can be told of an event, and the self-audit
//	00010_stats_broadcast.sql  what the periodic statistics have said last
//	00011_cached_plans.sql     functions of the hot path that keep their plans
//	00012_lean_publish.sql     what a producer's insert costs, halved
//	00013_pace.sql             how often events of one type have been relayed
//	00014_producers_rights.sql what producers may not: grant access, and write Herald's own event
//	00015_few_notify.sql       of those that meet a sleeping relay a few notify
//	00016_safe_publish.sql     what is published, whatever a producer's session has; payloads that fit; prepared transactions
//	00017_first_customer.sql   an order's customer is that of its first relayed event; what event_status tells a producer
//	00018_own_names.sql        names that are Herald's own, days that are UTC's, locks that nobody else takes
//	00019_clocks.sql           periodic jobs, audit and retention by the database's clock
//	00020_spent.sql            whether the count of those that notify is used up
//	00024_dead_letters.sql     what has become of events that could not be delivered, step by step
//	00023_producers_learn.sql  all that is wrong with an event is named as it is published; extra fields, trace contexts
//
// A migration that has been released is never edited; a change is a new file.
package migrations

import "embed"

// FS holds the migrations for goose.
//
//go:embed *.sql
var FS embed.FS
