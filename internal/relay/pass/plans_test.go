package pass_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// A table's statistics may be older than the table, or true of what a migration has written to it in one
// transaction. The statements of the hot path look at the same few pages all the same, with the plans that a session
// made at its beginning.
func TestNoStatementReadsATableBecauseOfItsStatistics(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	for _, table := range []string{"relayed_event", "access_grant"} {
		b.Exec(t, "ALTER TABLE herald."+table+" SET (autovacuum_enabled = off)")
	}
	conn := b.Conn(t)
	exec := func(format string, args ...any) {
		t.Helper()
		_, err := conn.Exec(t.Context(), fmt.Sprintf(format, args...))
		require.NoError(t, err)
	}
	eventID := uuid.New()
	statements := []struct{ name, sql, arguments string }{
		{"batch_read", dbsqlc.BatchRead, "(false, 10, 1000000)"},
		{"outbox_peek", dbsqlc.OutboxPeek, ""},
		{"outbox_lag", dbsqlc.OutboxLag, "(10)"},
		{"grant_feed", dbsqlc.GrantFeed, fmt.Sprintf("('{%s}', '{%s}')", fixture.OrderID, fixture.Customer)},
		{"log_read_from", dbsqlc.LogReadFrom, "(19990, 10)"},
		{"log_read_group", dbsqlc.LogReadGroup, fmt.Sprintf("('restaurant:%s', 10, 20000, 10)", fixture.RestaurantID)},
		{"log_group_head", dbsqlc.LogGroupHead, fmt.Sprintf("('restaurant:%s', 20000)", fixture.RestaurantID)},
		{"log_locate", dbsqlc.LogLocate, fmt.Sprintf("('%s', 'restaurant:%s')", eventID, fixture.RestaurantID)},
		{"can_subscribe", "SELECT herald.can_subscribe('MustBeOrderOwner', $1, $2)", "(gen_random_uuid(), 'nobody')"},
	}
	const rows = 10_000
	require.NoError(t, pgx.BeginFunc(t.Context(), b.Pool, func(tx pgx.Tx) error {
		return fixture.WriteUnchecked(t.Context(), tx, func() error {
			_, err := tx.Exec(t.Context(), `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id)
				SELECT 'OrderPlaced', md5(n::text)::uuid, $1, 'user-' || n FROM generate_series(1, $2::int) n`,
				fixture.RestaurantID, rows)
			return err
		})
	}))
	b.Insert(t, fixture.Order(fixture.Columns{"event_id": eventID}))
	b.Exec(t, "ANALYZE herald.outbox") // where one transaction has written everything
	b.Exec(t, "UPDATE pg_class SET reltuples = 100 * reltuples WHERE relnamespace = 'herald'::regnamespace AND relname LIKE 'outbox_p%' AND relkind = 'r'")
	exec("%s", strings.ReplaceAll(dbsqlc.TransactionSet, ", true)", ", false)"))
	for _, s := range statements {
		if s.name == "can_subscribe" { // runs with the caller's settings
			exec("PREPARE %s (uuid, text) AS %s", s.name, s.sql)
			continue
		}
		exec("PREPARE %s AS %s", s.name, s.sql)
		exec("EXECUTE %s%s", s.name, s.arguments)
	}
	b.Relay(t)
	open := b.Conn(t)
	tx, err := open.Begin(t.Context())
	require.NoError(t, err)
	_, err = fixture.Insert(t, tx, fixture.Order())
	require.NoError(t, err)
	b.Insert(t, fixture.Order())
	b.Relay(t)
	require.NotEmpty(t, fixture.Scan[[]string](t, b.Pool, "SELECT stragglers::text[] FROM herald.relay_state"))

	require.NoError(t, tx.Commit(t.Context()))

	exec("SELECT set_config('herald.read', 'yes', false), set_config('herald.target', pg_current_snapshot()::text, false)")
	for _, s := range statements {
		// The better of two: the first may read the server's own catalogs.
		read := min(pages(t, conn, fmt.Sprintf("EXECUTE %s%s", s.name, s.arguments)),
			pages(t, conn, fmt.Sprintf("EXECUTE %s%s", s.name, s.arguments)))
		t.Log(s.name, read)
		require.Less(t, read, 120, s.name)
	}
}
