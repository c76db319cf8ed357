package outbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

func TestPartitionsOfTheDaysAhead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	today := time.Now()
	require.Equal(t, partition(today), b.home(t, b.insert(t, cart())), "the migrations made the first ones")
	created, err := outbox.EnsurePartitions(t.Context(), b.pool, today, 3)
	require.NoError(t, err)
	require.Zero(t, created)
	created, err = outbox.EnsurePartitions(t.Context(), b.pool, today, 7)
	require.NoError(t, err)
	require.Equal(t, 2*4, created)
	created, err = outbox.EnsurePartitions(t.Context(), b.pool, today, 7)
	require.NoError(t, err)
	require.Zero(t, created)

	for ahead := range 8 {
		day := today.UTC().AddDate(0, 0, ahead).Truncate(24 * time.Hour)
		for _, at := range []time.Time{day, day.Add(24*time.Hour - time.Microsecond)} {
			id := b.insert(t, cart(columns{"written_at": at}))
			require.Equal(t, partition(day), b.home(t, id), "a day is UTC's: %s", at)
		}
	}
	require.True(t, scan[bool](t, b.pool, `SELECT bool_and(i.indisvalid) AND count(*) = 2 FROM pg_index i
		WHERE i.indrelid = to_regclass('herald.' || $1)`, partition(today.AddDate(0, 0, 7))), "with its indexes")
}

func TestDefaultPartitionTakesWhatNoDayTakes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.dropPartitions(t)
	id := b.insert(t, order())
	require.Equal(t, "outbox_default", b.home(t, id))
	b.relay(t)
	require.Len(t, b.status(t, id), 2)
}

// A node that comes back to a database whose days ran out: the days get their partitions, with what the default partitions
// have caught meanwhile.
func TestDaysThatTheDefaultPartitionHasCaughtGetTheirPartition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.dropPartitions(t)
	yesterday := b.insert(t, cart(columns{"written_at": time.Now().AddDate(0, 0, -1)}))
	relayed := b.insert(t, cart())
	b.relay(t)
	waiting := b.insert(t, cart())
	created, err := outbox.EnsurePartitions(t.Context(), b.pool, time.Now(), 2)
	require.NoError(t, err)
	require.Equal(t, 2*3, created)
	require.Equal(t, partition(time.Now()), b.home(t, relayed))
	require.Equal(t, partition(time.Now()), b.home(t, waiting))
	require.Equal(t, "outbox_default", b.home(t, yesterday), "a day that is over keeps its place")
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM herald.outbox_default"))
	require.Zero(t, scan[int](t, b.pool, "SELECT count(*) FROM herald.event_log_default"))

	b.relay(t)
	require.Equal(t, int64(2), b.status(t, relayed)[0].Sequence)
	require.Equal(t, int64(3), b.status(t, waiting)[0].Sequence, "moved rows are relayed once")
	entries, _, err := outbox.NewLog(b.pool).ReadFrom(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, entries, 3)
}

// Moving locks readers out, so it is bounded: a day that has too much stays where it is, and the days behind it are made.
func TestADayThatIsTooLargeToMoveStaysInTheDefaultPartition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.dropPartitions(t)
	b.exec(t, `INSERT INTO herald.event_log (position, group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at)
		SELECT i, 'admins', i, i, now(), gen_random_uuid(), now() FROM generate_series(1, 100001) i`)
	created, err := outbox.EnsurePartitions(t.Context(), b.pool, time.Now(), 2)
	require.NoError(t, err)
	require.Equal(t, 2*3-1, created)
	require.Equal(t, 100001, scan[int](t, b.pool, "SELECT count(*) FROM herald.event_log_default"))
}

// Creating a partition in place would wait for every open transaction, and every writer would wait behind it.
func TestAttachingDoesNotWaitForOpenWriters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.begin(t)
	_, err := insert(t, before, order())
	require.NoError(t, err)

	created, err := outbox.EnsurePartitions(t.Context(), b.pool, time.Now(), 5)
	require.NoError(t, err)
	require.Equal(t, 2*2, created)
	_, err = insert(t, before, order())
	require.NoError(t, err, "the open transaction goes on")
	require.NoError(t, before.Commit(t.Context()))
}

// While the partition's transaction is open, writers do not wait for it either.
func TestWritersDoNotWaitForAttaching(t *testing.T) {
	t.Parallel()
	b := setup(t)
	attaching := b.begin(t)
	require.True(t, scan[bool](t, attaching, "SELECT herald.ensure_partition('outbox', current_date + 30)"))
	writer := b.Conn(t)
	_, err := writer.Exec(t.Context(), "SET lock_timeout = '10ms'")
	require.NoError(t, err)
	_, err = insert(t, writer, order())
	require.NoError(t, err)
	require.NoError(t, attaching.Rollback(t.Context()))
}

// Who waits for a lock makes everybody behind wait, so a lock that cannot be had is given up: this transaction has read the default
// partition, as a dump would.
func TestALockThatCannotBeHadIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dump := b.begin(t)
	scan[int](t, dump, "SELECT count(*) FROM herald.outbox")

	start := time.Now()
	created, err := outbox.EnsurePartitions(t.Context(), b.pool, time.Now(), 4)
	timedOut, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "55P03", timedOut.Code, "lock_not_available")
	require.ErrorContains(t, err, "creating the partition of outbox for "+time.Now().UTC().AddDate(0, 0, 4).Format(time.DateOnly))
	require.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond)
	require.Less(t, time.Since(start), 10*time.Second, "others wait no longer than that, on however slow a machine")
	require.Equal(t, 1, created, "the other table's day was to be had")

	require.NoError(t, dump.Rollback(t.Context()))
	created, err = outbox.EnsurePartitions(t.Context(), b.pool, time.Now(), 4)
	require.NoError(t, err)
	require.Equal(t, 1, created)
}

func TestEnsurePartitionsStopsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := outbox.EnsurePartitions(ctx, b.pool, time.Now(), 4)
	require.ErrorIs(t, err, context.Canceled)
}
