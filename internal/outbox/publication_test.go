package outbox_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A publication of all tables, as logical replication and change data capture make one, takes no UPDATE and no DELETE from Herald.
func TestAPublicationOfAllTablesIsInNobodysWay(t *testing.T) {
	t.Parallel()
	c := pgtest.NewCluster(t, map[string]string{"wal_level": "logical"})
	b := &bundle{c.Database, c.Pool(t)}
	b.exec(t, "CREATE PUBLICATION everything FOR ALL TABLES")
	b.dropPartitions(t)

	old, needed := b.relayed(t, order()), b.dead(t)
	today := b.insert(t, cart())
	created, err := outbox.EnsurePartitions(t.Context(), b.pool, time.Now(), 2)
	require.NoError(t, err)
	require.Equal(t, 2*3, created, "with the rows that the default partitions have caught")
	require.Equal(t, partition(time.Now()), b.home(t, today))
	b.age(t, 9)
	require.Positive(t, b.retire(t).Days)
	inOutbox, _ := b.rows(t, needed)
	require.Equal(t, 1, inOutbox)

	b.dropPartitions(t)
	inDefault := b.relayed(t, order())
	b.age(t, 1)
	b.dropPartitions(t)
	inDefault2 := b.relayed(t, order())
	for _, change := range []string{
		"outbox SET written_at = written_at - interval '30 days'",
		"event_log SET relayed_at = relayed_at - interval '30 days', outbox_written_at = outbox_written_at - interval '30 days'",
		"relayed_event SET relayed_at = relayed_at - interval '30 days'",
	} {
		b.exec(t, "UPDATE herald."+change)
	}
	b.retire(t)
	for _, gone := range []any{old, inDefault, inDefault2} {
		require.Zero(t, scan[int](t, b.pool, "SELECT count(*) FROM herald.outbox WHERE event_id = $1", gone))
	}

	b.insert(t, cart())
	sum, err := jobs.Reseed(t.Context(), b.pool, func(time.Time, outbox.Reseeded) {})
	require.NoError(t, err)
	require.Positive(t, sum.Total)
	b.relay(t)
	everyTableTakesChanges(t, b)
}

// everyTableTakesChanges asks the server to delete nothing from each table, River's and goose's too: it refuses before it looks for rows.
func everyTableTakesChanges(t *testing.T, b *bundle) {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'herald'::regnamespace AND c.relkind = 'r'")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(tables), 20)
	for _, table := range tables {
		_, err := b.pool.Exec(t.Context(), "DELETE FROM "+table+" WHERE false")
		require.NoError(t, err, table)
	}
}
