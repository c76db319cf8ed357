package e2e_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Acceptance.
func TestScheduledEventsComeWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	o := newOrder()
	c := d.connect(
		t, s.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.call(t, "SubscribeToOrder", o.id)
	s.kill(t)
	s.start(t)
	c.until(t, "reconnected")
	c.call(t, "SubscribeToOrder", o.id)
	var due time.Time
	require.NoError(t, p.QueryRow(t.Context(), "SELECT clock_timestamp() + '1.5 s'").Scan(&due))
	scheduled := publish(
		t, p, "publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Reminder', $2, 'alice', deliver_after => $3)",
		o.id, o.restaurant, due)
	past := publish(
		t, p, "publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Overdue', $2, 'alice', deliver_after => $3)",
		o.id, o.restaurant, due.Add(-time.Hour))
	now := o.changed(t, p, "Preparing")
	require.Equal(t, delivery{past, 1}, received(c.next(t)))
	require.Equal(t, delivery{now, 2}, received(c.next(t)), "what is due later holds nothing up")
	require.Equal(t, delivery{scheduled, 3}, received(c.next(t)))
	late := time.Since(due)
	require.Positive(t, late, "not too early")
	require.Less(t, late, 10*time.Second, fmt.Sprint(late))
}

// A node dies: the other one keeps the time, also for its periodic jobs. No node is a leader that would have to be
// replaced.
//
// Acceptance: A-333.
func TestScheduledEventsComeInTimeWhenANodeDies(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	dsn := db.DSN()
	d, p := drive(t), produce(t, dsn)
	o := newOrder()
	pool := db.Pool(t)
	dies, other := serve(t, dsn), serve(t, dsn)
	c := d.connect(
		t, other.url+customerHub,
		mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.call(t, "SubscribeToOrder", o.id)
	var due time.Time // far enough for a job that has to be promoted
	require.NoError(t, p.QueryRow(t.Context(), "SELECT clock_timestamp() + '7 s'").Scan(&due))
	scheduled := publish(
		t, p, "publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Reminder', $2, 'alice', deliver_after => $3)",
		o.id, o.restaurant, due)
	dies.kill(t)
	goesOn(t, pool, "sweep", "audit")
	require.Equal(t, delivery{scheduled, 1}, received(c.next(t)))
	late := time.Since(due)
	t.Logf("received %s late", late)
	require.Positive(t, late, "not too early")
	require.Less(t, late, punctual)
}

// A node is frozen, with any jobs that it had fetched: the other one delivers every event soon, and once. When the
// frozen node goes on, no event comes again.
//
// Acceptance: A-333.
func TestScheduledEventsComeInTimeWhenANodeIsFrozen(t *testing.T) {
	t.Parallel()
	const events, soon = 200, 8 * time.Second // it was ten seconds and more
	db := pgtest.New(t)
	pool := db.Pool(t)
	frozen := serve(t, db.DSN())
	serve(t, db.DSN())
	var due time.Time
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT clock_timestamp() + '2 s'").Scan(&due))
	_, err := pool.Exec(
		t.Context(),
		`SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid(), deliver_after => $1::timestamptz + make_interval(secs => i * 0.01))
		FROM generate_series(1, $2::int) i`,
		due,
		events,
	)
	require.NoError(t, err)
	relayed := func() (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM herald.relayed_event").Scan(&n))
		return n
	}
	require.True(t, eventually(func() bool { return relayed() > events/4 }))
	require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGSTOP))
	t.Cleanup(func() { _ = frozen.cmd.Process.Signal(syscall.SIGCONT) })
	require.True(t, eventually(func() bool { return relayed() == events }))
	var late time.Duration
	var seconds float64
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT max(extract(epoch FROM r.relayed_at - o.deliver_after))::float8
		FROM herald.relayed_event r JOIN herald.outbox o USING (event_id)`).Scan(&seconds))
	late = time.Duration(seconds * float64(time.Second))
	t.Logf("at most %s late", late)
	require.Less(t, late, soon)
	require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGCONT))
	goesOn(t, pool, "audit")
	var entries, found int
	require.NoError(t, pool.QueryRow(
		t.Context(),
		`SELECT (SELECT count(*) FROM herald.event_log), (SELECT count(*) FROM herald.selfcheck_discrepancy)`,
	).Scan(&entries, &found))
	require.Equal(t, events, entries, "once")
	require.Zero(t, found)
}
