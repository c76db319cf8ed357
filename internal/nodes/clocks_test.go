package nodes_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
)

func TestHeartbeatsTellHowClocksStand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	clock := dbclock.New(slog.New(slog.DiscardHandler))
	node := uuid.New()
	var journal nodes.Journal
	register := nodes.New(b.Pool, node).WithClock(clock)
	_, err := register.Heartbeat(t.Context(), "kitchen-1", "v1", &journal, nil)
	require.NoError(t, err)
	require.Less(t, clock.Age(), time.Hour, "it has been read")
	b.Exec(t, "UPDATE herald.node SET clock_skew_seconds = -61.5")
	clocks, err := nodes.Clocks(t.Context(), b.Pool)
	require.NoError(t, err)
	require.Equal(t, []nodes.Clock{{Node: node, Host: "kitchen-1", Skew: -61500 * time.Millisecond}}, clocks)
	require.Equal(t, "1m1.5s behind the database's", dbclock.Ahead(clocks[0].Skew))
	require.Equal(t, "1h0m0s ahead of the database's", dbclock.Ahead(time.Hour))
	require.Empty(t, dbclock.Ahead(999*time.Millisecond))
}

// A node that is gone has reported a future time, because the database's clock has been set back since. It counts as
// gone at once, and is reaped when it has not moved for a minute.
func TestANodeFromTheFutureIsGoneWhenItDoesNotMove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone, alive := uuid.New(), uuid.New()
	beat := func(node uuid.UUID) {
		var journal nodes.Journal
		_, err := nodes.New(b.Pool, node).Heartbeat(context.WithoutCancel(t.Context()), "host", "v1", &journal,
			map[string]int{"/hubs/admin": 1})
		require.NoError(t, err)
	}
	beat(gone)
	b.Exec(t, "UPDATE herald.node SET heartbeat_at = heartbeat_at + interval '5 days'")
	register := nodes.New(b.Pool, alive)
	running, err := nodes.Clocks(t.Context(), b.Pool)
	require.NoError(t, err)
	require.Empty(t, running)
	beat(alive)
	var future bool
	require.NoError(t,
		b.Pool.QueryRow(t.Context(), "SELECT bool_or(heartbeat_at > clock_timestamp()) FROM herald.node").Scan(&future))
	require.False(t, future, "a heartbeat of any node brings it back")
	b.Exec(t, "UPDATE herald.node SET heartbeat_at = heartbeat_at - interval '61 seconds' WHERE node_id = $1", gone)
	reaped, err := register.Reap(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, reaped)
}
