package retention_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

func TestDaysOlderThanTheRetentionAreDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.Relayed(t, fixture.Order())
	b.Age(t, 3)
	recent := b.Relayed(t, fixture.Order())
	b.Age(t, 6)
	require.Equal(t, retention.Retired{Days: 2, Rows: 1}, b.Retire(t), "a day of the log, of the outbox, and an id")
	require.True(t, b.Gone(t, old))
	inOutbox, inLog := b.Rows(t, recent)
	require.Equal(t, 1, inOutbox)
	require.Equal(t, 2, inLog)
	require.Zero(t, b.Days(t, "outbox")+b.Days(t, "event_log"))
	require.Zero(t,
		fixture.Scan[int64](t, b.Pool,
			"SELECT pg_relation_size('herald.outbox_default') + pg_relation_size('herald.event_log_default')"),
		"not a row has been touched on the way")
	require.Equal(t, "unknown", b.Status(t, old)[0].Status)
	require.Equal(t, retention.Retired{}, b.Retire(t), "nothing is left to do")

	id := b.Relayed(t, fixture.Order())
	require.Equal(t, int64(3), b.Status(t, id)[0].Sequence, "the numbering goes on")
}

// A day is dropped when all of it is older than the retention, to the microsecond.
func TestTheLastMomentOfADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, "SELECT herald.ensure_partition('event_log', ((now() - interval '168 hours') AT TIME ZONE 'UTC')::date - d) FROM generate_series(0, 1) d")
	require.Equal(t, retention.Retired{Days: 1}, b.Retire(t))
	require.True(t,
		fixture.Scan[bool](t, b.Pool,
			`SELECT min(d) = ((now() - interval '168 hours') AT TIME ZONE 'UTC')::date FROM herald.partition_days('event_log') d`))
}

// The outbox keeps a day longer than the log: a row that was written late in a day may have been relayed on the
// next.
func TestADayOfTheOutboxWaitsForTheLogs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.Relayed(t, fixture.Cart())
	b.Age(t, 9)
	b.Exec(t, "UPDATE herald.event_log SET relayed_at = outbox_written_at + interval '24 hours'") // without being late
	b.Exec(t, "SELECT herald.ensure_partition('event_log', (relayed_at AT TIME ZONE 'UTC')::date) FROM herald.event_log")
	b.Node(t, 0, 0)
	require.Equal(t, retention.Retired{Kept: 2, Days: 1}, b.Retire(t), "an empty day of the log goes")
	inOutbox, inLog := b.Rows(t, id)
	require.Equal(t, []int{1, 1}, []int{inOutbox, inLog})
	b.Exec(t, "DELETE FROM herald.node")
	require.Equal(t, retention.Retired{Days: 2, Rows: 1}, b.Retire(t))
	require.True(t, b.Gone(t, id))
}

func TestTheLogWaitsForLiveNodes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Relayed(t, fixture.Order())
	b.Age(t, 9)
	b.Node(t, 2, 0)
	b.Node(t, 1, 0)
	b.Node(t, 0, 61*time.Second)
	require.Equal(t, retention.Retired{Kept: 2}, b.Retire(t))
	require.Equal(t, 2, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.event_log"))
	b.Exec(t, "UPDATE herald.node SET broadcast_position = 2 WHERE broadcast_position = 1")
	require.Equal(t, retention.Retired{Days: 2, Rows: 1}, b.Retire(t), "the node that is gone holds nothing up")
}

func TestRowsThatHaveNotBeenRelayedStay(t *testing.T) {
	t.Parallel()
	for name, waiting := range map[string]func(t *testing.T, b *bundle) uuid.UUID{
		"above the floor": func(t *testing.T, b *bundle) uuid.UUID {
			t.Helper()
			return b.Insert(t, fixture.Cart())
		},
		"of a straggler, below the floor": func(t *testing.T, b *bundle) uuid.UUID {
			t.Helper()
			straggler := b.Begin(t)
			id, err := fixture.Insert(t, straggler, fixture.Cart())
			require.NoError(t, err)
			b.Relayed(t, fixture.Order())
			require.NoError(t, straggler.Commit(t.Context()))
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Relayed(t, fixture.Order())
			id := waiting(t, b)
			b.Age(t, 9)
			require.Equal(t, retention.Retired{Days: 1, Kept: 1}, b.Retire(t))
			require.Equal(t, "waiting", b.Status(t, id)[0].Status)
			b.Relay(t)
			require.Equal(t, "relayed", b.Status(t, id)[0].Status)
			require.Equal(t, int64(1), b.Status(t, id)[0].Sequence)
			require.Equal(t, 1, b.Retire(t).Days)
			entries, err := eventlog.NewReader(b.Pool).Read(t.Context(), event.TeamCartGroup(fixture.CartID), 0, math.MaxInt64,
				10, 1<<20)
			require.NoError(t, err)
			require.Len(t, entries, 1, "its entry came late and keeps its row")
		})
	}
}

// A transaction that is still open holds its lock, whatever the snapshot shows of it.
func TestADayThatSomebodyStillWritesStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Relayed(t, fixture.Order())
	b.Age(t, 9)
	long := b.Begin(t)
	id, err := fixture.Insert(t, long, fixture.Cart(fixture.Columns{"written_at": time.Now().AddDate(0, 0, -9)}))
	require.NoError(t, err)
	done, err := b.Retention().Run(t.Context())
	timedOut, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "55P03", timedOut.Code, "lock_not_available")
	require.ErrorContains(t, err,
		"dropping the partition of outbox for "+time.Now().UTC().AddDate(0, 0, -9).Format(time.DateOnly))
	require.Equal(t, 1, done.Days, "the log's day")
	require.NoError(t, long.Commit(t.Context()))
	require.Equal(t, retention.Retired{Kept: 1}, b.Retire(t))
	b.Relay(t)
	require.Equal(t, "relayed", b.Status(t, id)[0].Status)
}

// With transaction ids from another life of the database it is unknown what has been relayed.
func TestNothingOfTheOutboxIsDroppedUnderAStateOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Relayed(t, fixture.Order())
	b.Age(t, 9)
	b.Exec(t, "UPDATE herald.relay_checkpoint SET snapshot = '9000000000:9000000000:'")
	require.Equal(t, retention.Retired{Days: 1, Kept: 1}, b.Retire(t))
}

func TestADayThatFailsKeepsNoOtherOneFromBeingDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Relayed(t, fixture.Order())
	b.Age(t, 2)
	b.Relayed(t, fixture.Order())
	b.Age(t, 9)
	b.Exec(t, `CREATE VIEW public.onlooker AS SELECT * FROM herald.event_log_p`+
		time.Now().UTC().AddDate(0, 0, -11).Format("20060102"))
	done, err := b.Retention().Run(t.Context())
	require.ErrorContains(t, err, "other objects depend on it")
	require.Equal(t, 1, done.Days)
	require.Equal(t, 2, done.Kept, "of the outbox, because of that day of the log")
	b.Exec(t, "DROP VIEW public.onlooker")
	require.Equal(t, 3, b.Retire(t).Days)
}

func TestRetentionStopsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Retention().Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestShorterRetention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Relayed(t, fixture.Order())
	b.Age(t, 3)
	require.Zero(t, b.Retire(t))
	done, err := retention.New(b.Pool,
		retention.Config{Events: 24 * time.Hour, Logger: slog.New(slog.DiscardHandler)}).Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, retention.Retired{Days: 2, Rows: 1}, done)
}
