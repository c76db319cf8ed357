package retention_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

func TestPartitionsOfTheDaysAhead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	today := time.Now()
	require.Equal(t, fixture.Partition(today), b.Home(t, b.Insert(t, fixture.Cart())),
		"the migrations made the first ones")
	created, err := retention.EnsurePartitions(t.Context(), b.Pool, today, 3)
	require.NoError(t, err)
	require.Zero(t, created)
	created, err = retention.EnsurePartitions(t.Context(), b.Pool, today, 7)
	require.NoError(t, err)
	require.Equal(t, 2*4, created)
	created, err = retention.EnsurePartitions(t.Context(), b.Pool, today, 7)
	require.NoError(t, err)
	require.Zero(t, created)

	for ahead := range 8 {
		day := today.UTC().AddDate(0, 0, ahead).Truncate(24 * time.Hour)
		for _, at := range []time.Time{day, day.Add(24*time.Hour - time.Microsecond)} {
			id := b.Insert(t, fixture.Cart(fixture.Columns{"written_at": at}))
			require.Equal(t, fixture.Partition(day), b.Home(t, id), "a day is UTC's: %s", at)
		}
	}
	require.True(t, fixture.Scan[bool](t, b.Pool, `SELECT bool_and(i.indisvalid) AND count(*) = 2 FROM pg_index i
		WHERE i.indrelid = to_regclass('herald.' || $1)`, fixture.Partition(today.AddDate(0, 0, 7))), "with its indexes")
}

func TestDefaultPartitionTakesWhatNoDayTakes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.DropPartitions(t)
	id := b.Insert(t, fixture.Order())
	require.Equal(t, "outbox_default", b.Home(t, id))
	b.Relay(t)
	require.Len(t, b.Status(t, id), 2)
}

// A node comes back to a database whose days ran out: the days get their partitions, with the rows that the default
// partitions have caught meanwhile.
func TestDaysThatTheDefaultPartitionHasCaughtGetTheirPartition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.DropPartitions(t)
	yesterday := b.Insert(t, fixture.Cart(fixture.Columns{"written_at": time.Now().AddDate(0, 0, -1)}))
	relayed := b.Insert(t, fixture.Cart())
	b.Relay(t)
	waiting := b.Insert(t, fixture.Cart())
	created, err := retention.EnsurePartitions(t.Context(), b.Pool, time.Now(), 2)
	require.NoError(t, err)
	require.Equal(t, 2*3, created)
	require.Equal(t, fixture.Partition(time.Now()), b.Home(t, relayed))
	require.Equal(t, fixture.Partition(time.Now()), b.Home(t, waiting))
	require.Equal(t, "outbox_default", b.Home(t, yesterday), "a day that is over keeps its place")
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox_default"))
	require.Zero(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.event_log_default"))

	b.Relay(t)
	require.Equal(t, int64(2), b.Status(t, relayed)[0].Sequence)
	require.Equal(t, int64(3), b.Status(t, waiting)[0].Sequence, "moved rows are relayed once")
	entries, _, err := eventlog.NewReader(b.Pool).ReadFrom(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, entries, 3)
}

// Moving locks readers out, so it is bounded: a day with too many rows stays where it is, and the days behind it are
// made.
func TestADayThatIsTooLargeToMoveStaysInTheDefaultPartition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.DropPartitions(t)
	b.Exec(t, `INSERT INTO herald.event_log (position, group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at)
		SELECT i, 'admins', i, i, now(), gen_random_uuid(), now() FROM generate_series(1, 100001) i`)
	created, err := retention.EnsurePartitions(t.Context(), b.Pool, time.Now(), 2)
	require.NoError(t, err)
	require.Equal(t, 2*3-1, created)
	require.Equal(t, 100001, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.event_log_default"))
}

// Creating a partition in place would wait for every open transaction, and every writer would wait behind it.
func TestAttachingDoesNotWaitForOpenWriters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.Begin(t)
	_, err := fixture.Insert(t, before, fixture.Order())
	require.NoError(t, err)

	created, err := retention.EnsurePartitions(t.Context(), b.Pool, time.Now(), 5)
	require.NoError(t, err)
	require.Equal(t, 2*2, created)
	_, err = fixture.Insert(t, before, fixture.Order())
	require.NoError(t, err, "the open transaction goes on")
	require.NoError(t, before.Commit(t.Context()))
}

// While the partition's transaction is open, writers do not wait for it either.
func TestWritersDoNotWaitForAttaching(t *testing.T) {
	t.Parallel()
	b := setup(t)
	attaching := b.Begin(t)
	require.True(t, fixture.Scan[bool](t, attaching, "SELECT herald.ensure_partition('outbox', current_date + 30)"))
	writer := b.Conn(t)
	_, err := writer.Exec(t.Context(), "SET lock_timeout = '10ms'")
	require.NoError(t, err)
	_, err = fixture.Insert(t, writer, fixture.Order())
	require.NoError(t, err)
	require.NoError(t, attaching.Rollback(t.Context()))
}

// Later transactions queue behind a waiting lock, so a lock that cannot be had is given up. This transaction has
// read the default partition, as a dump would.
func TestALockThatCannotBeHadIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dump := b.Begin(t)
	fixture.Scan[int](t, dump, "SELECT count(*) FROM herald.outbox")

	start := time.Now()
	created, err := retention.EnsurePartitions(t.Context(), b.Pool, time.Now(), 4)
	timedOut, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "55P03", timedOut.Code, "lock_not_available")
	require.ErrorContains(t, err,
		"creating the partition of outbox for "+time.Now().UTC().AddDate(0, 0, 4).Format(time.DateOnly))
	require.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond)
	require.Less(t, time.Since(start), 10*time.Second, "others wait no longer than that, on however slow a machine")
	require.Equal(t, 1, created, "the other table's day was to be had")

	require.NoError(t, dump.Rollback(t.Context()))
	created, err = retention.EnsurePartitions(t.Context(), b.Pool, time.Now(), 4)
	require.NoError(t, err)
	require.Equal(t, 1, created)
}

func TestEnsurePartitionsStopsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := retention.EnsurePartitions(ctx, b.Pool, time.Now(), 4)
	require.ErrorIs(t, err, context.Canceled)
}
