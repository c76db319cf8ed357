package e2e_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A replica that lagged is promoted: positions and sequences that clients have seen go to other events. A client
// that has seen a lost event gets a gap, any other client resumes where it was, and no client receives an event
// twice.
//
// Acceptance.
func TestALaggingReplicaIsPromoted(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t, nil)
	dsn := cluster.DSN()
	nodes := []*server{serve(t, dsn), serve(t, dsn)}
	d := drive(t)
	lucky, unlucky := newOrder(), newOrder()
	follow := func(o order, node *server) *client {
		token := mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}})
		return d.followed(t, node.url+customerHub, token, "ResumeOrder", o.id)
	}
	clients := []*client{
		follow(lucky, nodes[0]), follow(unlucky, nodes[0]), follow(lucky, nodes[1]), follow(unlucky, nodes[1]),
	}
	kept := map[order]uuid.UUID{}
	for _, o := range []order{lucky, unlucky} {
		kept[o] = o.changed(t, produce(t, dsn), "Placed")
	}
	for i, c := range clients {
		require.Equal(t, delivery{kept[[]order{lucky, unlucky}[i%2]], 1}, received(c.next(t)))
	}
	replica := cluster.Fork(t)
	for _, node := range nodes {
		node.awaitReady(t)
	}
	lost := unlucky.changed(t, produce(t, dsn), "Preparing")
	for _, c := range []*client{clients[1], clients[3]} {
		require.Equal(t, delivery{lost, 2}, received(c.next(t)))
	}
	replica.Promote(t)
	for _, node := range nodes {
		node.awaitReady(t)
	}
	now := map[order]uuid.UUID{}
	for _, o := range []order{lucky, unlucky} {
		now[o] = o.changed(t, produce(t, dsn), "Delivered")
	}
	for _, c := range []*client{clients[0], clients[2]} {
		require.Equal(t, delivery{now[lucky], 2}, received(c.next(t)), "it goes on from the event that it had")
	}
	for _, c := range []*client{clients[1], clients[3]} {
		c.await(
			t, c.seen, "to be told of the gap", func(a arrival) bool { return a.Result != nil && a.Result.Status == "gap" },
		)
	}
	last := unlucky.changed(t, produce(t, dsn), "Delivered")
	for _, c := range []*client{clients[1], clients[3]} {
		c.await(t, c.seen, "the last event", func(a arrival) bool { return received(a) == delivery{last, 3} })
		all, _ := c.all()
		seen := map[uuid.UUID]bool{}
		for _, got := range deliveries(all) {
			require.False(t, seen[got.EventID], "%v comes twice", got)
			seen[got.EventID] = true
		}
	}
}
