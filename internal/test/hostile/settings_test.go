package hostile_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const idleTimeout = 500 * time.Millisecond

// hostileSettings are values that a database or a role may have, each of which once slowed Herald down or stopped
// it.
func hostileSettings() map[string]string {
	settings := map[string]string{
		"search_path": "evil, pg_catalog, public", "default_transaction_isolation": "'serializable'",
		"default_transaction_read_only":  "on",
		"default_transaction_deferrable": "on", "statement_timeout": "'2s'", "lock_timeout": "'1ms'",
		"transaction_timeout":                 "'3s'",
		"idle_session_timeout":                fmt.Sprintf("'%dms'", idleTimeout.Milliseconds()),
		"idle_in_transaction_session_timeout": "'20ms'", "exit_on_error": "on",
		"timezone": "'Asia/Shanghai'", "datestyle": "'SQL, DMY'", "intervalstyle": "'sql_standard'",
		"bytea_output": "'escape'", "extra_float_digits": "-15",
		"client_encoding": "'LATIN1'", "standard_conforming_strings": "off", "array_nulls": "off",
		"transform_null_equals": "on",
		"backslash_quote":       "off", "escape_string_warning": "on", "xmloption": "'document'", "xmlbinary": "'hex'",
		"quote_all_identifiers": "on", "gin_fuzzy_search_limit": "1", "row_security": "off",
		"restrict_nonsystem_relation_kind": "'view'",
		"plpgsql.extra_errors":             "'all'", "plpgsql.extra_warnings": "'all'", "check_function_bodies": "off",
		"session_replication_role": "'replica'",
		"client_min_messages":      "'debug5'", "jit": "on", "jit_above_cost": "0", "plan_cache_mode": "'force_custom_plan'",
		"debug_parallel_query": "on",
		"force_parallel_mode":  "on", "constraint_exclusion": "off", "work_mem": "'64kB'", "maintenance_work_mem": "'1MB'",
		"temp_buffers":       "'800kB'",
		"synchronous_commit": "off", "from_collapse_limit": "1", "join_collapse_limit": "1", "geqo_threshold": "2",
		"random_page_cost": "1000",
		"cpu_tuple_cost":   "100", "effective_cache_size": "8", "default_statistics_target": "1",
		"default_toast_compression": "'pglz'",
		"default_tablespace":        "''", "lc_messages": "'C'", "lc_time": "'C'", "log_statement": "'all'",
		"log_min_messages": "'warning'",
	}
	for _, plan := range []string{
		"seqscan", "indexscan", "indexonlyscan", "bitmapscan", "tidscan", "sort", "incremental_sort", "nestloop",
		"hashjoin", "mergejoin", "hashagg",
		"material", "memoize", "partition_pruning",
	} {
		settings["enable_"+plan] = "off"
	}
	return settings
}

// oppress sets all of them on the database and on Herald's role in it, as far as the server's version has them.
func oppress(t *testing.T, db *pgtest.Database, pool *pgxpool.Pool) {
	t.Helper()
	var sql strings.Builder
	for name, value := range hostileSettings() {
		var known bool
		require.NoError(t,
			pool.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_settings WHERE lower(name) = $1", name).Scan(&known))
		if known || strings.Contains(name, ".") {
			fmt.Fprintf(&sql,
				"ALTER DATABASE %[1]s SET %[2]s = %[3]s; ALTER ROLE CURRENT_USER IN DATABASE %[1]s SET %[2]s = %[3]s;", db.Name,
				name, value)
		}
	}
	_, err := pool.Exec(t.Context(), sql.String())
	require.NoError(t, err)
}

// In a database whose settings are all hostile, a node delivers, schedules, listens and clears up, also for a
// producer whose session has those settings.
func TestANodeInADatabaseOfHostileSettings(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	oppress(t, db, pool)
	cfg := node(t, db, nil)
	calls := make(chan string, 100)
	conn, err := hubclient.Connect(t.Context(), cfg, event.AdminPath, func(call hubclient.Invocation) {
		for _, argument := range call.Arguments {
			calls <- string(argument)
		}
	})
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	_, err = conn.Invoke(t.Context(), "SubscribeToAlerts")
	require.NoError(t, err)
	received := func(message string) {
		t.Helper()
		for deadline := time.After(patience); ; {
			select {
			case call := <-calls:
				if strings.Contains(call, message) {
					return
				}
			case <-deadline:
				require.FailNow(t, "nothing was received", message)
			}
		}
	}
	publish := func(message, deliverAfter string) {
		t.Helper()
		producer := db.Conn(t) // with the database's settings, except that it may write
		exec(t, producer, "SET default_transaction_read_only = off; SET statement_timeout = 0")
		exec(t, producer,
			`SELECT herald.publish_admin_event('SystemAlert', '{"type": "info", "message": "`+message+`"}', deliver_after => `+deliverAfter+`)`)
	}
	publish("scheduled", "clock_timestamp() + interval '2 seconds'")
	publish("at once", "NULL")
	received("at once")
	received("scheduled")

	// The listener's session survives, though it is idle for longer than the database allows.
	require.Eventually(t, func() bool {
		var quiet bool
		require.NoError(t,
			pool.QueryRow(t.Context(), `SELECT coalesce(max(clock_timestamp() - a.state_change) > 2 * $1::interval, false)
			FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name = 'herald listener'`, idleTimeout).Scan(&quiet))
		return quiet
	}, patience, 20*time.Millisecond)
	require.Eventually(t, func() bool { return ready(t, cfg) == `{"status":"ready"}` }, patience, 20*time.Millisecond)

	// A day that is older than the retention is dropped with the rows that are no longer needed; rows that are still
	// needed stay.
	day := time.Now().UTC().AddDate(0, 0, -9)
	later, old := uuid.New(), uuid.New()
	_, err = pool.Exec(t.Context(), "SELECT herald.ensure_partition(p, $1) FROM unnest('{outbox,event_log}'::text[]) p",
		day)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(),
		`INSERT INTO herald.outbox (event_id, event_type, resource_id, deliver_after, written_at)
		VALUES ($1, 'CartUpdated', gen_random_uuid(), now() + interval '1 year', $3), ($2, 'CartUpdated', gen_random_uuid(), NULL, $3)`, later, old, day)
	require.NoError(t, err)
	relayed := func() (done bool) {
		require.NoError(t,
			pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM herald.relayed_event r WHERE r.event_id = $1)
			AND (SELECT status FROM herald.event_status($2)) = 'scheduled'`, old, later).Scan(&done))
		return done
	}
	require.Eventually(t, relayed, patience, 20*time.Millisecond)
	retention := retention.New(pool, retention.Config{Logger: slog.New(slog.DiscardHandler)})
	require.Eventually(t, func() bool {
		_, _ = retention.Run(t.Context()) // a lock that times out is tried again
		var home string
		require.NoError(t,
			pool.QueryRow(t.Context(), "SELECT o.tableoid::regclass::text FROM herald.outbox o WHERE o.event_id = $1",
				later).Scan(&home))
		return strings.HasSuffix(home, "outbox_default")
	}, patience, 20*time.Millisecond, "the retention has dropped the day, and kept the row")
}

// ready returns what /readyz says.
func ready(t *testing.T, cfg hubclient.Config) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, cfg.URL+"/readyz", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return strings.TrimSpace(string(body))
}
