package app_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// gauge waits until a metric has the wanted value.
func gauge(t *testing.T, cfg hubclient.Config, name string, wanted func(float64) bool) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`)
	require.Eventually(t, func() bool {
		_, metrics := ask(t, cfg, http.MethodGet, "/metrics", "")
		found := line.FindStringSubmatch(metrics)
		if found == nil {
			return false
		}
		value, err := strconv.ParseFloat(found[1], 64)
		return err == nil && wanted(value)
	}, patience, 20*time.Millisecond, name)
}

func is(want float64) func(float64) bool { return func(v float64) bool { return v == want } }

func TestAPausedRelayHasAMetric(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	cfg, pool := node(t, db), db.Pool(t)
	gauge(t, cfg, "herald_relay_paused", is(0))
	_, err := relay.Pause(t.Context(), pool, "somebody")
	require.NoError(t, err)
	gauge(t, cfg, "herald_relay_paused", is(1))

	_, err = relay.Resume(t.Context(), pool)
	require.NoError(t, err)
	gauge(t, cfg, "herald_relay_paused", is(0))
}

// A scheduled event waits while the relay is paused, and is counted.
func TestOverdueEventsHaveAMetric(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	cfg, pool := node(t, db), db.Pool(t)
	_, err := pool.Exec(t.Context(),
		"SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid(), deliver_after => now() + interval '1 day')")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var waits bool
		err := pool.QueryRow(t.Context(),
			"SELECT EXISTS (SELECT FROM herald.river_job WHERE kind = 'deliver_scheduled')").Scan(&waits)
		return err == nil && waits
	}, patience, 10*time.Millisecond)
	gauge(t, cfg, "herald_jobs_overdue", is(0))
	gauge(t, cfg, "herald_jobs_oldest_overdue_seconds", is(0))
	_, err = relay.Pause(t.Context(), pool, "somebody")
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(),
		`UPDATE herald.river_job SET args = jsonb_set(args, '{deliver_after}', to_jsonb(now() - interval '1 hour')), scheduled_at = now()
		WHERE kind = 'deliver_scheduled'`)
	require.NoError(t, err)
	gauge(t, cfg, "herald_jobs_overdue", is(1))
	gauge(t, cfg, "herald_jobs_oldest_overdue_seconds", func(v float64) bool { return v >= 3600 })
	_, err = relay.Resume(t.Context(), pool)
	require.NoError(t, err)
	gauge(t, cfg, "herald_jobs_overdue", is(0))
}

// No node runs the periodic jobs: the nodes are ready, and say so.
func TestPeriodicJobsThatNobodyDoesAreTold(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	cfg, pool := node(t, db), db.Pool(t)
	gauge(t, cfg, "herald_jobs_periodic_overdue_seconds", func(v float64) bool { return v < 30 })
	_, err := pool.Exec(t.Context(), `WITH stuck AS (
			INSERT INTO herald.river_job (kind, args, max_attempts, queue) VALUES ('audit', '{}', 1, 'of_no_node') RETURNING id
		) UPDATE herald.periodic_job SET job_id = stuck.id, enqueued_at = now() - interval '1 hour' FROM stuck WHERE kind = 'audit'`)
	require.NoError(t, err)
	becomes(t, cfg, http.StatusOK, "degraded: no node has done the periodic job audit")
	gauge(t, cfg, "herald_jobs_periodic_overdue_seconds", func(v float64) bool { return v > 30 })
	_, err = pool.Exec(t.Context(), "DELETE FROM herald.river_job WHERE queue = 'of_no_node'")
	require.NoError(t, err)
	gauge(t, cfg, "herald_jobs_periodic_overdue_seconds", func(v float64) bool { return v < 30 })
	require.Eventually(t, func() bool {
		status, body := readyz(t, cfg)
		return status == http.StatusOK && !strings.Contains(body, "periodic")
	}, patience, 20*time.Millisecond)
}
