package jobs

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

// statistics works a job of the kind, as River would.
func (b *bundle) statistics(t *testing.T) error {
	t.Helper()
	inserted, err := b.jobs.client.Insert(t.Context(), statisticsArgs{}, nil)
	require.NoError(t, err)
	return work(t, b, &statisticsWorker{pool: b.pool}, inserted.Job.ID, 1)
}

// said returns the payloads of what has been published, in order.
func (b *bundle) said(t *testing.T) []string {
	t.Helper()
	return scan[[]string](t, b, `SELECT coalesce(array_agg(payload::text ORDER BY seq), '{}') FROM herald.outbox WHERE event_type = 'AnalyticsUpdate'`)
}

// Acceptance: A-163.
func TestStatisticsAreBroadcastWhenTheyChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const first = `{"revenue": 98765.43, "totalUsers": 1523, "activeUsers": 342, "imagesGenerated": 3847, "websitesGenerated": 1256}`
	for _, step := range []struct{ why, set, said string }{
		{"never set", `{}`, ""},
		{"not all of them", `{"totalUsers": 1523, "activeUsers": 342, "websitesGenerated": 1256, "imagesGenerated": 3847}`, ""},
		{"another one", `{"revenueToday": 1}`, ""},
		{"all of them", `{"totalRevenue": 98765.43}`, first},
		{"nothing", `{}`, ""},
		{"set to what it was", `{"totalUsers": 1523}`, ""},
		{"a field that is not in it", `{"revenueToday": 2, "newUsersToday": 3, "failedGenerations": 4}`, ""},
		{"changed", `{"totalUsers": 0, "totalRevenue": -1}`, `{"revenue": -1, "totalUsers": 0, "activeUsers": 342, "imagesGenerated": 3847, "websitesGenerated": 1256}`},
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
				_, err := outbox.BroadcastStats(t.Context(), tx)
				return err
			})
		}()
	}
	for range workers {
		require.NoError(t, <-failures)
	}
	require.Len(t, b.said(t), 1)
}

// What was not committed was not said.
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
