package app

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The pools together have pool_max_conns connections, and none is too small for its work.
//
// Acceptance: A-458.
func TestPoolsShareTheConnections(t *testing.T) {
	t.Parallel()
	for connections := int32(poolsLeast); connections < 200; connections++ {
		s := share(connections)
		require.Equal(t, connections, s.work+s.authorize+s.replay+opsConnections+tailConnections)
		require.GreaterOrEqual(t, s.authorize, int32(2))
		require.GreaterOrEqual(t, s.replay, int32(2))
		require.GreaterOrEqual(t, s.work, int32(3))
	}
	require.Equal(t, shares{work: 7, authorize: 4, replay: 2}, share(poolsUsual))

	usual, err := poolConnections("postgres://h/d")
	require.NoError(t, err)
	require.GreaterOrEqual(t, usual, int32(poolsUsual))
	named, err := poolConnections(fmt.Sprintf("postgres://h/d?pool_max_conns=%d", poolsLeast))
	require.NoError(t, err)
	require.Equal(t, int32(poolsLeast), named)
	_, err = poolConnections("postgres://u:secret@h/d?pool_max_conns=4")
	require.EqualError(t, err, "pool_max_conns in HERALD_DATABASE_URL is 4: a node needs at least 10, and 2 beside them")
}
