package retention_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// Producers, the relay and a node go on while day after day is dropped and other days are made: none of them fails,
// and nothing is lost.
func TestDroppingWhileOthersWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, "SELECT herald.ensure_partition(p, (now() AT TIME ZONE 'UTC')::date - d) FROM unnest('{outbox,event_log}'::text[]) p, generate_series(9, 28) d")
	b.Exec(t, `INSERT INTO herald.outbox (event_type, resource_id, deliver_after, written_at)
		SELECT 'CartUpdated', gen_random_uuid(), now() + interval '1 year', now() - make_interval(days => d)
		FROM generate_series(9, 28) d, generate_series(1, 20)`)
	b.Relay(t)
	relayOnce := b.Relayer(t)
	log := eventlog.NewReader(b.Pool)

	var work errgroup.Group
	var stop atomic.Bool
	var published, read atomic.Int64
	for range 4 {
		work.Go(func() error {
			for !stop.Load() {
				err := pgx.BeginFunc(t.Context(), b.Pool, func(tx pgx.Tx) error {
					for range 2 {
						if _, err := tx.Exec(t.Context(), "SELECT herald.publish_teamcart_event('CartUpdated', $1)",
							fixture.CartID); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
				published.Add(2)
			}
			return nil
		})
	}
	work.Go(func() error {
		for !stop.Load() {
			if err := relayOnce(t.Context()); err != nil {
				return err
			}
		}
		return nil
	})
	work.Go(func() error {
		for !stop.Load() {
			entries, _, err := log.ReadFrom(t.Context(), read.Load(), 1000)
			if err != nil {
				return err
			}
			for _, entry := range entries {
				if entry.Position != read.Add(1) {
					return eventlog.ErrUnknownEvent
				}
			}
		}
		return nil
	})
	require.Eventually(t, func() bool {
		_, _ = b.Retention().Run(t.Context()) // a lock that cannot be had in time is tried for again
		_, _ = retention.EnsurePartitions(context.WithoutCancel(t.Context()), b.Pool, time.Now(), 7)
		return b.Days(t, "outbox")+b.Days(t, "event_log") == 0 && published.Load() > 0
	}, 2*time.Minute, time.Millisecond)
	stop.Store(true)
	require.NoError(t, work.Wait())
	b.Relay(t)
	require.Equal(t, published.Load(),
		fixture.Scan[int64](t, b.Pool, "SELECT count(*) FROM herald.event_log WHERE group_name = $1",
			event.TeamCartGroup(fixture.CartID).String()))
	require.Equal(t, 400, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox_default"))
}

// A writer that commits while the retention waits for its lock has written a row that has not been relayed.
func TestARowThatIsCommittedWhileTheRetentionWaitsIsNotDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Relayed(t, fixture.Order())
	b.Age(t, 9)
	b.Exec(t, "SELECT herald.retire_log_day(d) FROM herald.partition_days('event_log') d WHERE d < current_date - 7")
	writer := b.Begin(t)
	id, err := fixture.Insert(t, writer, fixture.Cart(fixture.Columns{"written_at": time.Now().AddDate(0, 0, -9)}))
	require.NoError(t, err)

	retiring := b.Conn(t)
	var stays string
	ended := make(chan error, 1)
	go func() {
		ended <- retiring.QueryRow(context.WithoutCancel(t.Context()),
			"SELECT r.stays FROM herald.partition_days('outbox') d, herald.retire_outbox_day(d, 10000) r WHERE d < current_date - 7").Scan(&stays)
	}()
	require.Eventually(t, func() bool {
		return fixture.Scan[bool](t, b.Pool, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = $1)",
			int(retiring.PgConn().PID()))
	}, time.Minute, time.Millisecond)
	require.NoError(t, writer.Commit(t.Context()))
	require.NoError(t, <-ended)
	require.Equal(t, "some of its rows have not been relayed", stays)
	b.Relay(t)
	require.Equal(t, "relayed", b.Status(t, id)[0].Status)
}

// Of two transactions that change partitions one waits for the other, instead of both for each other.
func TestPartitionsAreChangedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.Begin(t)
	_, err := other.Exec(t.Context(), "SELECT FROM herald.partition_lock FOR UPDATE")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := retention.EnsurePartitions(context.WithoutCancel(t.Context()), b.Pool, time.Now(), 4)
		ended <- err
	}()
	require.Eventually(t, func() bool {
		return fixture.Scan[bool](t, b.Pool,
			"SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')")
	}, time.Minute, time.Millisecond)
	require.NoError(t, other.Rollback(t.Context()))
	require.NoError(t, <-ended)
}

// Of two nodes that drop the same day one finds it gone.
func TestADayThatAnotherHasDroppedIsNoError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var stays, staysToo string
	require.NoError(t,
		b.Pool.QueryRow(t.Context(),
			"SELECT herald.retire_log_day('2020-01-01'), r.stays FROM herald.retire_outbox_day('2020-01-01', 1) r").
			Scan(&stays, &staysToo))
	require.Equal(t, []string{"another node has just dropped it", "another node has just dropped it"},
		[]string{stays, staysToo})
}
