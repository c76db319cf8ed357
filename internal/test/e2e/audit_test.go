package e2e_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// The server's metrics, its log and herald check report disagreements, and also report that the rest agrees.
//
// Acceptance: A-395.
func TestAudit(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	dsn, pool := db.DSN(), db.Pool(t)
	s, p := serve(t, dsn), produce(t, dsn)
	newOrder().changed(t, p, "Ready")
	awaitMetric(t, s.url, "herald_audit_position 2\n")
	awaitMetric(t, s.url, "herald_audit_last_run_timestamp_seconds 1")
	awaitMetric(t, s.url, `herald_audit_discrepancies{kind="journal_gap"} 0`)
	env := settings(dsn)
	code, out, logs := herald(t, env, "check")
	require.Zero(t, code, "%s%s", out, logs)
	require.Regexp(t, `(?m)^ok +audit: servers have looked up to position 2 of 2$`, out)
	require.Regexp(
		t,
		`(?m)^ok +audit of all that is retained: 2 positions, 1 rows of the outbox, 1 events, the journals of 1 nodes$`,
		out,
	)

	node := uuid.NewString()
	_, err := pool.Exec(
		t.Context(),
		`INSERT INTO herald.broadcast_journal (node_id, number, host, first_position, last_position) VALUES ($1, 1, 'elsewhere', 1, 2)`,
		node,
	)
	require.NoError(t, err)
	awaitMetric(t, s.url, `herald_audit_discrepancies{kind="journal_gap"} 1`)
	_, err = pool.Exec(t.Context(), "DELETE FROM herald.relayed_event") // the servers have checked it
	require.NoError(t, err)
	code, out, _ = herald(t, env, "check")
	require.Equal(t, 1, code)
	require.Regexp(
		t, `(?m)^FAIL +audit: journal_gap, seen 20\S+: the journal of node `+node+` does not say where it begins`, out,
	)
	require.Regexp(
		t,
		`(?m)^FAIL +audit: event_not_marked: event \S+ is in the log at position 1, but is not marked as relayed there`,
		out,
	)
	require.Regexp(t, `(?m)^FAIL +audit of all that is retained: .*: 4 discrepancies$`, out)
	code, out, _ = herald(t, env, "check", "--skip-audit")
	require.Equal(t, 1, code)
	require.NotContains(t, out, "event_not_marked")

	s.kill(t) // the command reports the same without a server
	s.start(t)
	awaitMetric(t, s.url, "herald_audit_position 2\n")
	awaitMetric(t, s.url, `herald_audit_discrepancies{kind="journal_gap"} 1`)
}
