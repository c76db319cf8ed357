package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// undeliverable writes order events of a type, past the outbox's checks, without an order number.
func undeliverable(t *testing.T, pool *pgxpool.Pool, eventType string, n int) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(),
			`INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload)
			SELECT $1, gen_random_uuid(), gen_random_uuid(), 'alice', '{"status": "Placed"}' FROM generate_series(1, $2::int)`, eventType, n)
		return err
	}))
}

// Events that could not be delivered have metrics, and readiness reports them while the node stays ready.
//
// Acceptance: A-510.
func TestUndeliveredEventsHaveMetricsAndAreADetail(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	cfg, pool := node(t, db), db.Pool(t)
	for _, name := range []string{
		"herald_dead_events", "herald_dead_oldest_seconds", "herald_retrying_events", "herald_retrying_oldest_seconds",
	} {
		gauge(t, cfg, name, is(0))
	}
	undeliverable(t, pool, "OrderPlaced", 3)
	undeliverable(t, pool, "OrderSplit", 5)
	gauge(t, cfg, "herald_dead_events", is(3))
	gauge(t, cfg, "herald_retrying_events", is(5))
	_, err := pool.Exec(t.Context(), "UPDATE herald.dead_letter SET died_at = died_at - interval '2 hours'")
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(),
		"UPDATE herald.river_job SET created_at = created_at - interval '1 hour' WHERE kind = 'retry_event'")
	require.NoError(t, err)
	gauge(t, cfg, "herald_dead_oldest_seconds", func(v float64) bool { return v >= 7200 && v < 7800 })
	gauge(t, cfg, "herald_retrying_oldest_seconds", func(v float64) bool { return v >= 3600 && v < 4200 })
	becomes(t, cfg, http.StatusOK, "3 dead letters, the oldest for 2h0m")
	becomes(t, cfg, http.StatusOK, "5 events are tried again, the oldest for 1h0m")
	_, err = pool.Exec(t.Context(), "UPDATE herald.dead_letter SET dropped_at = now()")
	require.NoError(t, err)
	gauge(t, cfg, "herald_dead_events", is(0))
	gauge(t, cfg, "herald_dead_oldest_seconds", is(0))
}

// Acceptance: A-511.
func TestThePlatformStatisticsAgeIsAMetric(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	cfg, pool := node(t, db), db.Pool(t)
	_, metrics := ask(t, cfg, http.MethodGet, "/metrics", "")
	require.NotContains(t, metrics, "herald_platform_stats_age_seconds", "never set has no age")
	_, err := pool.Exec(t.Context(), `SELECT herald.set_platform_stats('{"totalUsers": 1, "activeUsers": 2}')`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `UPDATE herald.platform_stats SET set_at = set_at - interval '3 hours' * id`)
	require.NoError(t, err)
	gauge(t, cfg, "herald_platform_stats_age_seconds", func(v float64) bool { return v >= 10_800 && v < 11_400 })
}

// unhealthy waits until health says so, with the document's fields, within its bound each time.
func unhealthy(t *testing.T, cfg hubclient.Config) {
	t.Helper()
	var body string
	require.Eventually(t, func() bool {
		var status int
		asked := time.Now()
		status, body = ask(t, cfg, http.MethodGet, "/api/admin/realtime/health", "")
		require.Less(t, time.Since(asked), patience, "it has a bound")
		return status == http.StatusServiceUnavailable
	}, patience, 20*time.Millisecond)
	var fields map[string]string
	require.NoError(t, json.NewDecoder(strings.NewReader(body)).Decode(&fields))
	require.NotEmpty(t, fields["timestamp"])
	delete(fields, "timestamp")
	require.Equal(t,
		map[string]string{"status": "unhealthy", "service": "real-time", "websocketEndpoint": "/hubs/admin"}, fields)
}

// A database that is away, or that does not answer, makes a node unhealthy without delaying its answer.
//
// Acceptance: A-512.
func TestHealthIsUnhealthyWhileTheDatabaseDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*pgtest.Proxy){
		"away": (*pgtest.Proxy).Shut, "silent": (*pgtest.Proxy).Stall,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := pgtest.NewProxy(t, pgtest.New(t))
			cfg, stop := startNodeAt(t, app.Config{DatabaseURL: proxy.DSN()},
				func(s *app.Settings) { s.ShutdownTimeout = time.Second })
			status, _ := ask(t, cfg, http.MethodGet, "/api/admin/realtime/health", "")
			require.Equal(t, http.StatusOK, status)
			fail(proxy)
			unhealthy(t, cfg)
			proxy.Reopen()
			becomes(t, cfg, http.StatusOK, "ready")
			stopped(t, stop)
		})
	}
}
