package jobs

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// statistics works a job of the kind, as River would.
func (b *bundle) statistics(t *testing.T) error {
	t.Helper()
	inserted, err := b.jobs.client.Insert(t.Context(), statisticsArgs{}, nil)
	require.NoError(t, err)
	return work(t, b, &statisticsWorker{pool: b.pool, interval: b.interval}, inserted.Job.ID, 1)
}

// said returns the payloads of what has been published, in order.
func (b *bundle) said(t *testing.T) []string {
	t.Helper()
	return scan[[]string](t, b,
		`SELECT coalesce(array_agg(payload::text ORDER BY seq), '{}') FROM herald.outbox WHERE event_type = 'AnalyticsUpdate'`)
}

// Acceptance: A-163.
func TestStatisticsAreBroadcastWhenTheyChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const first = `{"revenue": 98765.43, "totalUsers": 1523, "activeUsers": 342, "imagesGenerated": 3847, "websitesGenerated": 1256}`
	for _, step := range []struct{ why, set, said string }{
		{"never set", `{}`, ""},
		{
			"not all of them", `{"totalUsers": 1523, "activeUsers": 342, "websitesGenerated": 1256, "imagesGenerated": 3847}`,
			"",
		},
		{"another one", `{"revenueToday": 1}`, ""},
		{"all of them", `{"totalRevenue": 98765.43}`, first},
		{"nothing", `{}`, ""},
		{"set to what it was", `{"totalUsers": 1523}`, ""},
		{"a field that is not in it", `{"revenueToday": 2, "newUsersToday": 3, "failedGenerations": 4}`, ""},
		{
			"changed", `{"totalUsers": 0, "totalRevenue": -1}`,
			`{"revenue": -1, "totalUsers": 0, "activeUsers": 342, "imagesGenerated": 3847, "websitesGenerated": 1256}`,
		},
		{"changed back", `{"totalUsers": 1523, "totalRevenue": 98765.43}`, first},
	} {
		before := b.said(t)
		b.exec(t, "SELECT herald.set_platform_stats($1)", step.set)
		require.NoError(t, b.statistics(t), step.why)
		after := b.said(t)[len(before):]
		if step.said == "" {
			require.Empty(t, after, step.why)
			continue
		}
		require.Len(t, after, 1, step.why)
		require.JSONEq(t, step.said, after[0], step.why)
	}
}

// At most once an interval: whichever node leads or broadcasts, and whatever a wrong clock says.
//
// Acceptance: A-163.
func TestStatisticsAreBroadcastOnceAnInterval(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.interval = time.Hour
	users := 0
	broadcasts := func(want int, why string) {
		t.Helper()
		users++
		b.exec(t, `SELECT herald.set_platform_stats(jsonb_build_object('totalUsers', $1::int, 'activeUsers', 1, 'websitesGenerated', 1, 'imagesGenerated', 1, 'totalRevenue', 1))`, users)
		before := len(b.said(t))
		require.NoError(t, b.statistics(t), why) // a new leader works the job at once
		require.Len(t, b.said(t)[before:], want, why)
	}
	passes := func() {
		t.Helper()
		b.exec(t, `UPDATE herald.platform_stats_broadcast SET broadcast_at = broadcast_at - interval '1 hour'`)
		b.exec(t, `UPDATE herald.event_log SET relayed_at = relayed_at - interval '1 hour'`)
	}
	broadcasts(1, "never before")
	broadcasts(0, "a new leader")
	passes()
	broadcasts(1, "the interval has passed")
	passes()

	publisher := outbox.NewPublisher(b.pool)
	_, err := publisher.PublishAdmin(t.Context(), event.UserCountUpdate,
		json.RawMessage(`{"totalUsers":1,"activeUsers":1,"newUsersToday":1}`), uuid.Nil)
	require.NoError(t, err)
	broadcasts(1, "another event counts for nothing")
	passes()
	said := json.RawMessage(`{"totalUsers":77,"activeUsers":1,"websitesGenerated":1,"imagesGenerated":1,"revenue":1}`)
	_, err = publisher.PublishAdmin(t.Context(), event.AnalyticsUpdate, said, uuid.Nil)
	require.NoError(t, err)
	broadcasts(0, "REST has broadcast")
	passes()
	b.exec(t, `SELECT herald.set_platform_stats('{"totalUsers":77}')`)
	before := len(b.said(t))
	require.NoError(t, b.statistics(t))
	require.Len(t, b.said(t), before, "and just that")
	broadcasts(1, "something else than REST")
	passes()

	b.exec(t, `SELECT herald.publish_admin_event('AnalyticsUpdate', $1)`, said)
	b.sweep(t)
	broadcasts(0, "a service has broadcast")
	passes()
	b.sweep(t)
	passes()
	broadcasts(1, "a service has broadcast long ago")

	b.exec(t, `UPDATE herald.platform_stats_broadcast SET broadcast_at = clock_timestamp() + interval '1 year'`)
	b.exec(t, `UPDATE herald.event_log SET relayed_at = relayed_at - interval '2 hours'`)
	broadcasts(1, "a clock was ahead")
}

func TestStatisticsAreLookedAtOftenEnough(t *testing.T) {
	t.Parallel()
	for interval, every := range map[time.Duration]time.Duration{
		time.Second: 250 * time.Millisecond, 5 * time.Second: 500 * time.Millisecond, 30 * time.Second: 3 * time.Second,
		time.Hour: 6 * time.Minute,
	} {
		require.Equal(t, every, statisticsEvery(interval))
	}
}

// Two leaders for a moment, or a job that is worked twice: the statistics are broadcast once.
func TestStatisticsAreBroadcastOnceWhoeverBroadcasts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `SELECT herald.set_platform_stats('{"totalUsers":1,"activeUsers":1,"websitesGenerated":1,"imagesGenerated":1,"totalRevenue":1}')`)
	const workers = 8
	failures := make(chan error, workers)
	for range workers {
		go func() {
			failures <- pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
				_, err := outbox.BroadcastStats(t.Context(), tx, time.Minute)
				return err
			})
		}()
	}
	for range workers {
		require.NoError(t, <-failures)
	}
	require.Len(t, b.said(t), 1)
}

// Statistics that were not committed were not sent.
func TestStatisticsThatCouldNotBeBroadcastAreSaidLater(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `SELECT herald.set_platform_stats('{"totalUsers":1,"activeUsers":1,"websitesGenerated":1,"imagesGenerated":1,"totalRevenue":1}')`)
	b.exec(t, "ALTER TABLE herald.river_job ADD CONSTRAINT fault CHECK (state <> 'completed') NOT VALID")
	require.ErrorContains(t, b.statistics(t), "fault")
	require.Empty(t, b.said(t))
	b.exec(t, "ALTER TABLE herald.river_job DROP CONSTRAINT fault")
	require.NoError(t, b.statistics(t))
	require.Len(t, b.said(t), 1)
}
