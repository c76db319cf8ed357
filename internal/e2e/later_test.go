package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/pgtest"
)

// Acceptance.
func TestScheduledEventsComeWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	o := newOrder()
	c := d.connect(t, s.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}))
	c.call(t, "SubscribeToOrder", o.id)
	s.kill(t) // with it goes River's leader, which nobody replaces for a quarter of a minute
	s.start(t)
	c.until(t, "reconnected")
	c.call(t, "SubscribeToOrder", o.id)
	var due time.Time
	require.NoError(t, p.QueryRow(t.Context(), "SELECT clock_timestamp() + '1.5 s'").Scan(&due))
	scheduled := publish(t, p, "publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Reminder', $2, 'alice', deliver_after => $3)",
		o.id, o.restaurant, due)
	past := publish(t, p, "publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Overdue', $2, 'alice', deliver_after => $3)",
		o.id, o.restaurant, due.Add(-time.Hour))
	now := o.changed(t, p, "Preparing")
	require.Equal(t, delivery{past, 1}, received(c.next(t)))
	require.Equal(t, delivery{now, 2}, received(c.next(t)), "what is due later holds nothing up")
	require.Equal(t, delivery{scheduled, 3}, received(c.next(t)))
	late := time.Since(due)
	require.Positive(t, late, "not too early")
	require.Less(t, late, 10*time.Second, fmt.Sprint(late))
}

// The node that is River's leader dies, and nobody takes its place for as long as its lease lasts: the other node keeps the time.
//
// Acceptance: A-333.
func TestScheduledEventsComeInTimeWhenTheLeaderDies(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	dsn := db.DSN()
	d, p := drive(t), produce(t, dsn)
	o := newOrder()
	pool := db.Pool(t)
	leader := serve(t, dsn)
	id := leader.id(t)
	require.True(t, eventually(func() bool {
		var leads bool
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM herald.river_leader WHERE leader_id = $1)", id).Scan(&leads))
		return leads
	}), "a single node leads")
	other := serve(t, dsn)
	c := d.connect(t, other.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}))
	c.call(t, "SubscribeToOrder", o.id)
	var due time.Time // far enough for a job that has to be promoted
	require.NoError(t, p.QueryRow(t.Context(), "SELECT clock_timestamp() + '7 s'").Scan(&due))
	scheduled := publish(t, p, "publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Reminder', $2, 'alice', deliver_after => $3)",
		o.id, o.restaurant, due)
	leader.kill(t)
	require.Equal(t, delivery{scheduled, 1}, received(c.next(t)))
	late := time.Since(due)
	t.Logf("received %s late", late)
	require.Positive(t, late, "not too early")
	require.Less(t, late, 10*time.Second, "a dead leader's lease would be longer")
}
