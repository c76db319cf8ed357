package outbox_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/fixture"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// qualified are the functions without a search_path of their own, because setting one costs a call about 10 µs. They
// qualify every name instead: each event or each pass calls them. TestFunctionsMeetNoShadow calls them, too. A
// function whose body the server parsed at its creation (RETURN …) has been bound to its names since.
func qualified() map[string]string {
	return map[string]string{
		"accept_event":           "each published event",
		"judge_event":            "each published event that is not an order's usual one",
		"refuse_event":           "each refused event, in the producer's name",
		"other_type":             "each call that is refused, in the producer's name",
		"publish_order_event":    "each published event",
		"publish_teamcart_event": "each published event",
		"publish_admin_event":    "each published event",

		"utc":                        "each published event",
		"uuidv7":                     "each published event",
		"can_subscribe":              "each subscribe",
		"last_seq":                   "each pass",
		"relay_is_armed":             "each pass",
		"relay_is_spent":             "each look of an idle relay",
		"river_job_state_in_bitmask": "River's own, for its index: called in Herald's sessions, which have their path",
	}
}

// Every function of Herald finds its names in pg_catalog and herald, whatever the calling session's path is.
func TestEveryFunctionSaysWhereItLooks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows, err := b.Pool.Query(t.Context(),
		`SELECT p.proname::text, coalesce(array_to_string(p.proconfig, ';'), '') AS config FROM pg_proc p
		WHERE p.pronamespace = 'herald'::regnamespace AND p.prosqlbody IS NULL`)
	require.NoError(t, err)
	type function struct{ Name, Config string }
	functions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[function])
	require.NoError(t, err)
	require.Greater(t, len(functions), 20)
	for _, f := range functions {
		if qualified()[f.Name] != "" {
			continue
		}
		path := ""
		for setting := range strings.SplitSeq(f.Config, ";") {
			if value, ok := strings.CutPrefix(setting, "search_path="); ok {
				path = value
			}
		}
		require.Contains(t, []string{"pg_catalog, herald, pg_temp", "pg_catalog, pg_temp"}, path,
			"%s: set its search_path, or name all in full and list it here", f.Name)
	}
}

// naive returns a session that meets the shadows wherever it uses a name without a schema.
func (b *bundle) naive(t *testing.T) *pgx.Conn {
	t.Helper()
	b.Shadow(t)
	conn, err := pgx.Connect(t.Context(), b.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	var path string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW search_path").Scan(&path))
	require.True(t, strings.HasPrefix(path, "shadow"), path)
	return conn
}

// A session with a schema of shadows before all others, and in its pg_temp, calls every function, and none meets a
// shadow.
func TestFunctionsMeetNoShadow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.Relayed(t, fixture.Order())
	b.Dead(t)
	b.Age(t, 9)
	recent := b.Insert(t, fixture.Cart())
	naive := b.naive(t)
	for _, call := range []struct {
		sql  string
		args []any
	}{
		{"SELECT herald.last_seq()", nil},
		{"SELECT herald.relay_is_armed()", nil},
		{"SELECT * FROM herald.whereabouts()", nil},
		{"SELECT herald.ensure_partition('outbox', '2040-01-01'), herald.ensure_partition('event_log', '2040-01-01')", nil},
		{"SELECT herald.partition_days('outbox')", nil},
		{"SELECT herald.lock_to_change('herald.outbox', 'herald.pace')", nil},
		{"SELECT * FROM herald.partition_bounds('outbox')", nil},
		{"SELECT herald.days_before('event_log', '2040-01-01')", nil},
		{"SELECT herald.day_begins('2040-01-01')", nil},
		{"SELECT * FROM herald.needed_rows('2020-01-01', '2050-01-01')", nil},
		{"SELECT herald.prune_log_default('2020-01-01', 10)", nil},
		{"SELECT * FROM herald.prune_outbox_default('2020-01-01', 0, 10)", nil},
		{"SELECT herald.forgettable_before('2020-01-01')", nil},
		{"SELECT * FROM herald.forgettable_blocks('2050-01-01')", nil},
		{"SELECT herald.forget_relayed('2020-01-01', 0, 10)", nil},
		{"SELECT herald.node_host($1)", []any{uuid.New()}},
		{"SELECT herald.is_set_aside($1)", []any{old}},
		{"SELECT herald.grant_access('MustBeOrderOwner', $1, 'user-2')", []any{fixture.OrderID}},
		{"SELECT herald.revoke_access('MustBeOrderOwner', $1, 'user-2')", []any{fixture.OrderID}},
		{`SELECT herald.set_platform_stats('{"totalUsers": 1}')`, nil},
		{"SELECT * FROM herald.event_status($1)", []any{recent}},
		{"SELECT * FROM herald.event_status($1)", []any{old}},
	} {
		_, err := naive.Exec(t.Context(), call.sql, call.args...)
		require.NoError(t, err, call.sql)
	}
	// The days are older than the retention.
	days := b.oldDays(t)
	for _, statement := range []string{
		"SELECT herald.retire_log_day($1)",
		"SELECT * FROM herald.retire_outbox_day($1, 10000)",
	} {
		for _, day := range days {
			_, err := naive.Exec(t.Context(), statement, day)
			require.NoError(t, err, statement)
		}
	}
}

// oldDays are the days of either table that end more than a week ago.
func (b *bundle) oldDays(t *testing.T) []string {
	t.Helper()
	rows, err := b.Pool.Query(t.Context(), `SELECT d::text FROM herald.days_before('outbox', now() - interval '7 days') d
		INTERSECT SELECT d::text FROM herald.days_before('event_log', now() - interval '7 days') d`)
	require.NoError(t, err)
	days, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, days)
	return days
}

// The statements of the relay, its jobs and the retention run in sessions that have their path: with shadows
// everywhere an event goes its whole way. `make test-shadows` runs the packages' tests like this.
func TestQueriesMeetNoShadow(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Shadow(t)
	b := &bundle{fixture.On(t, db)}
	id := b.Relayed(t, fixture.Order())
	b.Dead(t)
	require.Equal(t, "relayed", b.Status(t, id)[0].Status)
	b.Age(t, 9)
	require.Positive(t, b.Retire(t).Days)
	require.True(t, b.Gone(t, id))
}
