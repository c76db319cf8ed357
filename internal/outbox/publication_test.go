package outbox_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/fixture"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Logical replication and change data capture make a publication of all tables. Herald's UPDATEs and DELETEs still
// work.
func TestAPublicationOfAllTablesIsInNobodysWay(t *testing.T) {
	t.Parallel()
	c := pgtest.NewCluster(t, map[string]string{"wal_level": "logical"})
	b := &bundle{fixture.On(t, c.Database)}
	b.Exec(t, "CREATE PUBLICATION everything FOR ALL TABLES")
	b.DropPartitions(t)

	old, needed := b.Relayed(t, fixture.Order()), b.Dead(t)
	today := b.Insert(t, fixture.Cart())
	created, err := retention.EnsurePartitions(t.Context(), b.Pool, time.Now(), 2)
	require.NoError(t, err)
	require.Equal(t, 2*3, created, "with the rows that the default partitions have caught")
	require.Equal(t, fixture.Partition(time.Now()), b.Home(t, today))
	b.Age(t, 9)
	require.Positive(t, b.Retire(t).Days)
	inOutbox, _ := b.Rows(t, needed)
	require.Equal(t, 1, inOutbox)

	b.DropPartitions(t)
	inDefault := b.Relayed(t, fixture.Order())
	b.Age(t, 1)
	b.DropPartitions(t)
	inDefault2 := b.Relayed(t, fixture.Order())
	for _, change := range []string{
		"outbox SET written_at = written_at - interval '30 days'",
		"event_log SET relayed_at = relayed_at - interval '30 days', outbox_written_at = outbox_written_at - interval '30 days'",
		"relayed_event SET relayed_at = relayed_at - interval '30 days'",
	} {
		b.Exec(t, "UPDATE herald."+change)
	}
	b.Retire(t)
	for _, gone := range []any{old, inDefault, inDefault2} {
		require.Zero(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox WHERE event_id = $1", gone))
	}

	b.Insert(t, fixture.Cart())
	sum, err := jobs.Reseed(t.Context(), b.Pool, func(time.Time, relay.Reseeded) {})
	require.NoError(t, err)
	require.Positive(t, sum.Total)
	b.Relay(t)
	everyTableTakesChanges(t, b)
}

// everyTableTakesChanges asks the server to delete nothing from each table, River's and goose's too: the server
// refuses before it looks for rows.
func everyTableTakesChanges(t *testing.T, b *bundle) {
	t.Helper()
	rows, err := b.Pool.Query(t.Context(),
		"SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'herald'::regnamespace AND c.relkind = 'r'")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(tables), 20)
	for _, table := range tables {
		_, err := b.Pool.Exec(t.Context(), "DELETE FROM "+table+" WHERE false")
		require.NoError(t, err, table)
	}
}
