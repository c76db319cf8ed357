package retention_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/retention"
)

func TestGrowth(t *testing.T) {
	t.Parallel()
	b := setup(t)
	read := func() map[string]retention.Growth {
		tables, err := retention.ReadGrowth(t.Context(), b.Pool)
		require.NoError(t, err)
		byName := map[string]retention.Growth{}
		for _, table := range tables {
			byName[table.Table] = table
		}
		require.Len(t, byName, 2)
		return byName
	}
	before := read()
	require.InDelta(t, time.Since(time.Now().UTC().Truncate(24*time.Hour)).Seconds(), before["outbox"].OldestSeconds, 60,
		"today's")
	require.InDelta(t, 4, before["event_log"].Partitions, 0)
	require.Positive(t, before["event_log"].Bytes)

	b.Exec(t, "INSERT INTO herald.outbox (event_type, resource_id) SELECT 'CartUpdated', gen_random_uuid() FROM generate_series(1, 1000)")
	b.Relay(t)
	b.Age(t, 9)
	b.Exec(t, "ANALYZE")
	grown := read()
	for _, table := range []string{"outbox", "event_log"} {
		require.InDelta(t, 5, grown[table].Partitions, 0)
		require.InDelta(t, before[table].OldestSeconds+(9*24*time.Hour).Seconds(), grown[table].OldestSeconds, 60)
		require.InDelta(t, 1000, grown[table].Rows, 0)
		require.Greater(t, grown[table].Bytes, before[table].Bytes+100_000)
	}
	b.Retire(t)
	require.InDelta(t, before["outbox"].OldestSeconds, read()["outbox"].OldestSeconds, 60)

	b.DropPartitions(t)
	require.Zero(t, read()["outbox"].OldestSeconds, "there is no day at all")
}
