package jobs

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/selfcheck"
)

// limited is a database with a relay that lets one event of each type into the analytics group an hour.
func limited(t *testing.T) *bundle {
	t.Helper()
	b := setup(t)
	setAside, err := NewSetAside(b.pool)
	require.NoError(t, err)
	b.relay, err = relay.New(relay.Config{
		NodeID: nodeID, SetAside: setAside, Relayed: func(int64, []event.Logged) {}, Logger: slog.New(slog.DiscardHandler),
		Connect:  func(context.Context) (*pgx.Conn, error) { return nil, context.Canceled },
		Settings: relay.Settings{AnalyticsMinInterval: time.Hour}, Holder: setAside,
	})
	require.NoError(t, err)
	return b
}

func (b *bundle) revenue(t *testing.T, n int) uuid.UUID {
	t.Helper()
	return scan[uuid.UUID](t, b,
		"SELECT herald.publish_admin_event('RevenueUpdate', jsonb_build_object('dailyRevenue', $1::int, 'totalRevenue30d', 1))", n)
}

// analytics lists what the group has received, in order.
func (b *bundle) analytics(t *testing.T) []uuid.UUID {
	t.Helper()
	rows, err := b.pool.Query(t.Context(),
		"SELECT event_id FROM herald.event_log WHERE group_name = 'analytics' ORDER BY position")
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	return ids
}

func (b *bundle) agrees(t *testing.T) {
	t.Helper()
	require.NoError(t, selfcheck.New(b.pool, slog.New(slog.DiscardHandler)).Run(t.Context()))
	require.Empty(t,
		scan[string](t, b, "SELECT coalesce(string_agg(d.detail, '; '), '') FROM herald.selfcheck_discrepancy d"))
}

// Acceptance: A-165.
func TestOfEventsWithinAnIntervalTheLatestWins(t *testing.T) {
	t.Parallel()
	b := limited(t)
	first := b.revenue(t, 1)
	b.sweep(t)
	second, third := b.revenue(t, 2), b.revenue(t, 3) // one batch
	b.sweep(t)
	fourth := b.revenue(t, 4)
	b.sweep(t)
	require.Equal(t, []uuid.UUID{first}, b.analytics(t))
	jobs := b.waiting(t, "deliver_scheduled")
	require.Len(t, jobs, 1, "one waits, and its job is the same")

	require.Equal(t, "waiting", b.status(t, fourth).Status)
	require.Contains(t, b.status(t, fourth).Detail, "one RevenueUpdate is relayed in 1h0m0s")
	for _, gone := range []uuid.UUID{second, third} {
		require.Equal(t, "dropped", b.status(t, gone).Status)
	}
	require.Contains(t, b.status(t, second).Detail, "a later RevenueUpdate, event "+third.String()+", came within 1h0m0s")
	require.Contains(t, b.status(t, third).Detail, fourth.String())
	require.Zero(t, scan[int](t, b, "SELECT count(*) FROM herald.dead_letter WHERE dropped_at IS NULL"),
		"nobody need look after them")
	b.agrees(t)

	b.makeDue(t, jobs[0])
	require.NoError(t, b.deliverScheduled(t, jobs[0]))
	require.Equal(t, []uuid.UUID{first, fourth}, b.analytics(t))
	require.Equal(t, int64(2), b.status(t, fourth).Sequence, "without a hole")

	fifth := b.revenue(t, 5)
	b.sweep(t)
	require.Equal(t, "waiting", b.status(t, fifth).Status, "the next interval begins with the one that was held")
	require.True(t,
		scan[bool](t, b, "SELECT due_at < now() + interval '61 minutes' FROM herald.pace ORDER BY version DESC LIMIT 1"))
	b.exec(t, "INSERT INTO herald.pace (event_type, relayed_at) VALUES ('RevenueUpdate', now() - interval '61 minutes')")
	sixth := b.revenue(t, 6)
	b.sweep(t)
	require.Equal(t, []uuid.UUID{first, fourth, sixth}, b.analytics(t))
	b.agrees(t)
}

func TestOtherEventsAreNotLimited(t *testing.T) {
	t.Parallel()
	b := limited(t)
	b.revenue(t, 1)
	users := scan[uuid.UUID](t, b,
		`SELECT herald.publish_admin_event('UserCountUpdate', '{"totalUsers": 1, "activeUsers": 1, "newUsersToday": 1}')`)
	for range 3 {
		scan[uuid.UUID](t, b, `SELECT herald.publish_admin_event('SystemAlert', '{"type": "info", "message": "m"}')`)
	}
	b.cart(t, uuid.New(), nil)
	b.sweep(t)
	require.Equal(t, 6, scan[int](t, b, "SELECT count(*) FROM herald.event_log"))
	require.Len(t, b.analytics(t), 2, "each type has an interval of its own")
	require.Equal(t, "relayed", b.status(t, users).Status)
}

// The job of the held event may be at work when another event comes. It then waits for the relay's lock, and the
// relay must not wait for it.
func TestAnEventThatComesWhileTheHeldOneIsDelivered(t *testing.T) {
	t.Parallel()
	b := limited(t)
	first := b.revenue(t, 1)
	b.sweep(t)
	held := b.revenue(t, 2)
	b.sweep(t)
	job := b.waiting(t, "deliver_scheduled")[0]
	b.makeDue(t, job)

	working, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = working.Exec(t.Context(), "SELECT FROM herald.river_job WHERE id = $1 FOR UPDATE", job)
	require.NoError(t, err)
	next := b.revenue(t, 3)
	b.sweep(t)
	require.NoError(t, working.Rollback(t.Context()))
	require.Equal(t, "waiting", b.status(t, next).Status)
	require.Equal(t, "waiting", b.status(t, held).Status, "it is not dropped: it is being delivered")
	jobs := b.waiting(t, "deliver_scheduled")
	require.Len(t, jobs, 2)
	require.True(t,
		scan[bool](t, b, "SELECT due_at > now() + interval '110 minutes' FROM herald.pace ORDER BY version DESC LIMIT 1"),
		"an interval behind it")

	require.NoError(t, b.deliverScheduled(t, jobs[0]))
	require.Equal(t, []uuid.UUID{first, held}, b.analytics(t))
	last := b.revenue(t, 4)
	b.sweep(t)
	require.Equal(t, "dropped", b.status(t, next).Status, "the one that waits is known still")
	b.makeDue(t, jobs[1])
	require.NoError(t, b.deliverScheduled(t, jobs[1]))
	require.Equal(t, []uuid.UUID{first, held, last}, b.analytics(t))
	b.agrees(t)
}

func TestTheHeldEventIsPublishedAgain(t *testing.T) {
	t.Parallel()
	b := limited(t)
	b.revenue(t, 1)
	b.sweep(t)
	held := b.revenue(t, 2)
	b.sweep(t)
	b.exec(t, `SELECT herald.publish_admin_event('RevenueUpdate', '{"dailyRevenue": 2, "totalRevenue30d": 1}', event_id => $1)`, held)
	b.sweep(t)
	require.Equal(t, "waiting", b.status(t, held).Status)
	job := b.waiting(t, "deliver_scheduled")
	require.Len(t, job, 1)
	b.makeDue(t, job[0])
	require.NoError(t, b.deliverScheduled(t, job[0]))
	require.Equal(t, int64(2), b.status(t, held).Sequence)
	require.Zero(t, scan[int](t, b, "SELECT count(*) FROM herald.dead_letter"))
	b.agrees(t)
}

// The database's clock was five days ahead when an event was relayed and another held, and has been set back.
func TestTheIntervalBeginsAnewBehindAClockThatWasSetBack(t *testing.T) {
	t.Parallel()
	b := limited(t)
	b.revenue(t, 1)
	b.sweep(t)
	b.revenue(t, 2)
	b.sweep(t)
	job := b.waiting(t, "deliver_scheduled")[0]
	b.exec(t, "UPDATE herald.pace SET relayed_at = relayed_at + interval '5 days', due_at = due_at + interval '5 days'")
	b.exec(t, `UPDATE herald.river_job SET scheduled_at = scheduled_at + interval '5 days',
		args = jsonb_set(args, '{deliver_after}', to_jsonb((args->>'deliver_after')::timestamptz + interval '5 days')) WHERE id = $1`, job)
	third := b.revenue(t, 3)
	b.sweep(t)
	require.Equal(t, []int64{job}, b.waiting(t, "deliver_scheduled"))
	require.True(t,
		scan[bool](t, b, `SELECT greatest(scheduled_at, (args->>'deliver_after')::timestamptz) <= now() + interval '1 hour'
		AND args->>'event_id' = $2::text FROM herald.river_job WHERE id = $1`, job, third.String()))
}
