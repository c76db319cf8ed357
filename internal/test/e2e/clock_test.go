package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// punctual is a bound that a busy machine keeps, and a clock that is minutes off does not.
const punctual = 15 * time.Second

// later publishes an event that is due after in, by the database's clock. The returned function waits for the event
// and returns how late it came.
func later(t *testing.T, pool *pgxpool.Pool, in time.Duration) func() time.Duration {
	t.Helper()
	var id uuid.UUID
	var due time.Time
	require.NoError(
		t, pool.QueryRow(t.Context(), "SELECT clock_timestamp() + make_interval(secs => $1)", in.Seconds()).Scan(&due),
	)
	require.NoError(t, pool.QueryRow(
		t.Context(), "SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid(), deliver_after => $1)", due,
	).Scan(&id))
	return func() time.Duration {
		t.Helper()
		var relayed *time.Time
		require.True(t, eventually(func() bool {
			require.NoError(t, pool.QueryRow(
				t.Context(), "SELECT (SELECT relayed_at FROM herald.relayed_event WHERE event_id = $1)", id,
			).Scan(&relayed))
			return relayed != nil
		}), "the event comes")
		return relayed.Sub(due)
	}
}

// goesOn waits until new jobs of these kinds have been worked.
func goesOn(t *testing.T, pool *pgxpool.Pool, kinds ...string) {
	t.Helper()
	var newest int64
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT coalesce(max(id), 0) FROM herald.river_job").Scan(&newest))
	for _, kind := range kinds {
		require.True(t, eventually(func() bool {
			var worked bool
			require.NoError(t, pool.QueryRow(
				t.Context(), "SELECT EXISTS (SELECT FROM herald.river_job WHERE kind = $1 AND id > $2 AND state = 'completed')",
				kind, newest).Scan(&worked))
			return worked
		}), "%s goes on", kind)
	}
}

func (s *server) readiness(t *testing.T) string {
	t.Helper()
	status, answer := request(t, http.MethodGet, s.url+"/readyz", "", "")
	require.Equal(t, http.StatusOK, status, answer.body)
	return answer.body
}

// The only node has a wrong clock: the database's clock decides.
//
// Acceptance: A-333.
func TestANodeWhoseClockIsWrongKeepsTheDatabasesTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by  time.Duration
		say string
	}{
		"an hour ahead":      {time.Hour, "ahead of"},
		"five seconds ahead": {5 * time.Second, "ahead of"},
		"ten minutes behind": {-10 * time.Minute, "behind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			pool := db.Pool(t)
			s, clock := serveStepped(t, db.DSN(), c.by)
			// it would bring back jobs that wait for a wrong time, and comes again in a minute
			require.True(t, eventually(func() bool {
				var worked bool
				require.NoError(t, pool.QueryRow(
					t.Context(),
					"SELECT EXISTS (SELECT FROM herald.river_job WHERE kind = 'housekeeping' AND state = 'completed')",
				).Scan(&worked))
				return worked
			}))
			soon, after := later(t, pool, 2*time.Second), later(t, pool, 8*time.Second)
			goesOn(t, pool, "sweep", "audit")
			for _, come := range []func() time.Duration{soon, after} {
				late := come()
				require.GreaterOrEqual(t, late, time.Duration(0), "not before its time")
				require.Less(t, late, punctual)
			}
			require.Contains(t, s.readiness(t), "degraded: this machine's clock is")
			require.Contains(t, s.readiness(t), c.say)
			_, metrics := request(t, http.MethodGet, s.url+"/metrics", "", "")
			require.Contains(t, metrics.body, "\nherald_clock_skew_seconds ")
			_, logs := s.texts()
			require.Equal(t, 1, strings.Count(logs, "this machine's clock is wrong"))
			code, out, _ := herald(t, settings(db.DSN()), "check", "--skip-audit")
			require.NotZero(t, code)
			require.Contains(t, out, "FAIL  clock of node")
			require.Contains(t, out, "ok    clock of this machine")

			// The clock is set right, and then wrong in the other direction, while the node runs.
			clock.step(t, 0)
			require.True(t, eventually(func() bool { return !strings.Contains(s.readiness(t), "clock") }), "the clock is right")
			clock.step(t, -c.by)
			after = later(t, pool, 6*time.Second)
			goesOn(t, pool, "sweep")
			late := after()
			require.GreaterOrEqual(t, late, time.Duration(0), "not before its time")
			require.Less(t, late, punctual)
		})
	}
}

func TestCheckTellsThatNoNodeIsLeft(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	check := func() (code int, out string) {
		code, out, _ = herald(t, settings(dsn), "check", "--skip-audit")
		return code, out
	}
	code, out := check()
	require.Zero(t, code, out)
	require.Contains(t, out, "ok    nodes: none has run yet\n")
	s := serve(t, dsn)
	require.True(
		t, eventually(func() bool { _, out = check(); return strings.Contains(out, "ok    nodes: 1\n") }),
		"the node is registered",
	)
	require.Contains(t, out, "ok    clock of node "+s.id(t)+" on ")
	require.Contains(t, out, "ok    periodic jobs\n")
	s.terminate(t)
	code, out = check()
	require.NotZero(t, code)
	require.Contains(t, out, "FAIL  nodes: none is running")
	require.Contains(t, out, "ok    scheduled events and retries: 0 overdue\n")
	require.NotContains(t, out, "periodic jobs")
}
