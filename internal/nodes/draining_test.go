package nodes_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Acceptance: A-536.
func TestANodeIsDrainedWhereAnotherStays(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(t)
	a, b, silent := nodes.New(pool, uuid.New()), nodes.New(pool, uuid.New()), uuid.New()
	var journal nodes.Journal
	beat := func(n *nodes.Register, host string) {
		t.Helper()
		_, err := n.Heartbeat(t.Context(), host, "v1", &journal, map[string]int{"/hubs/admin": 2, "/hubs/teamcart": 3})
		require.NoError(t, err)
	}
	beat(a, "kitchen-a")
	beat(nodes.New(pool, silent), "kitchen-c")
	_, err := pool.Exec(t.Context(),
		"UPDATE herald.node SET heartbeat_at = clock_timestamp() - interval '10 seconds' WHERE node_id = $1", silent)
	require.NoError(t, err)
	state := func(host string) nodes.State {
		t.Helper()
		all, err := a.All(t.Context())
		require.NoError(t, err)
		for _, n := range all {
			if n.Host == host {
				return n
			}
		}
		require.Fail(t, "no such node", host)
		return nodes.State{}
	}
	require.ErrorIs(t, a.Drain(t.Context(), false), nodes.ErrLastNode, "a silent one does not count")
	require.False(t, state("kitchen-a").Draining)
	require.True(t, state("kitchen-a").Alive)
	require.Equal(t, 5, state("kitchen-a").Connections)
	require.False(t, state("kitchen-c").Alive)
	require.GreaterOrEqual(t, state("kitchen-c").Silent, 10*time.Second)

	beat(b, "kitchen-b")
	require.NoError(t, a.Drain(t.Context(), false))
	require.True(t, state("kitchen-a").Draining)
	beat(a, "kitchen-a")
	require.True(t, state("kitchen-a").Draining, "it is not taken back")
	require.ErrorIs(t, b.Drain(t.Context(), false), nodes.ErrLastNode, "one that is drained does not count")
	// As with an answer that was lost.
	_, err = pool.Exec(t.Context(), "UPDATE herald.node SET draining = true WHERE host = 'kitchen-b'")
	require.NoError(t, err)
	beat(b, "kitchen-b")
	require.False(t, state("kitchen-b").Draining, "the row says what the node does")
	require.NoError(t, b.Drain(t.Context(), true))
	require.True(t, state("kitchen-b").Draining)
}

// A node of an earlier release does not know draining, and its heartbeats do not change it.
func TestAHeartbeatOfTheReleaseBeforeLeavesDrainingAlone(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(t)
	const before = `INSERT INTO herald.node AS n (node_id, host, version, broadcast_position, connections, clock_skew_seconds, url, unreachable)
		VALUES ($1, 'kitchen-a', 'v0', 0, '{}', 0, '', '[]')
		ON CONFLICT (node_id) DO UPDATE SET heartbeat_at = clock_timestamp(), broadcast_position = excluded.broadcast_position,
			connections = excluded.connections, clock_skew_seconds = excluded.clock_skew_seconds, url = excluded.url, unreachable = excluded.unreachable`
	node := uuid.New()
	for range 2 {
		_, err := pool.Exec(t.Context(), before, node)
		require.NoError(t, err)
	}
	all, err := nodes.New(pool, uuid.New()).All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.False(t, all[0].Draining)
}
