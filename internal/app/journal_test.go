package app_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Two nodes broadcast an event, each to its own connections; one of them writes its journal with its heartbeat, the
// other when it shuts down.
func TestNodesTellWhatTheyHaveBroadcast(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	first := node(t, db)
	second, stop := startNode(t, db, func(*app.Settings) {})
	received := make(chan struct{}, 100)
	for i, cfg := range []hubclient.Config{first, first, second} {
		c, err := hubclient.Connect(t.Context(), cfg, "/hubs/admin", func(call hubclient.Invocation) {
			if i == 2 && call.Method == "SystemAlert" {
				received <- struct{}{}
			}
		})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		_, err = c.Invoke(t.Context(), "SubscribeToAlerts")
		require.NoError(t, err)
	}
	publish := func() (id uuid.UUID) {
		t.Helper()
		require.NoError(t,
			pool.QueryRow(t.Context(),
				`SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}')`).Scan(&id))
		return id
	}
	broadcasts := func(id uuid.UUID) (connections []int) {
		t.Helper()
		found, err := outbox.Trace(t.Context(), pool, id)
		require.NoError(t, err)
		for _, b := range found[0].Broadcasts {
			require.NotEmpty(t, b.Host)
			require.NotNil(t, b.Connections)
			connections = append(connections, *b.Connections)
		}
		return connections
	}
	id := publish()
	require.Eventually(t, func() bool { return len(broadcasts(id)) == 2 }, 30*time.Second, 20*time.Millisecond)
	require.ElementsMatch(t, []int{1, 2}, broadcasts(id))

	within(t, received, "the first event")
	last := publish()
	within(t, received, "the last event") // on the second node, which has hardly written its journal yet
	stopped(t, stop)
	require.Eventually(t, func() bool { return len(broadcasts(last)) == 2 }, 30*time.Second, 20*time.Millisecond)
	require.ElementsMatch(t, []int{1, 2}, broadcasts(last))
}
