package app_test

import (
	"bytes"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// While connections are closed one after another, those whose turn has not come still receive newly committed
// events. The node is neither ready nor healthy.
//
// Acceptance: A-512.
func TestEventsReachThoseWhoHaveNotLeftYet(t *testing.T) {
	t.Parallel()
	const count = 100 // a hundred a second leave
	db := pgtest.New(t)
	pool := db.Pool(t)
	cfg, stop := startNode(t, db, func(s *app.Settings) { s.ShutdownSpread = time.Second })

	var mu sync.Mutex
	received := make(map[int]bool)
	conns := make([]*hubclient.Connection, count)
	for i := range conns {
		var err error
		conns[i], err = hubclient.Connect(t.Context(), cfg, "/hubs/admin", func(call hubclient.Invocation) {
			mu.Lock()
			defer mu.Unlock()
			for _, argument := range call.Arguments {
				if bytes.Contains(argument, []byte("during the shutdown")) {
					received[i] = true
				}
			}
		})
		require.NoError(t, err)
		defer conns[i].Close()
		_, err = conns[i].Invoke(t.Context(), "SubscribeToAlerts")
		require.NoError(t, err)
	}

	left := make(chan int, count)
	for i, c := range conns {
		go func() { <-c.Done(); left <- i }()
	}
	ended := stop()
	within(t, left, "the first that leaves")
	_, err := pool.Exec(t.Context(),
		`SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"during the shutdown"}')`)
	require.NoError(t, err)
	status, body := readyz(t, cfg)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "shutting down")
	unhealthy(t, cfg)
	_, err = hubclient.Connect(t.Context(), cfg, "/hubs/admin", nil)
	var refused *hubclient.StatusError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusServiceUnavailable, refused.Code)

	last := 0
	for range count - 1 {
		last = within(t, left, "everybody's leaving")
	}
	require.NoError(t, within(t, ended, "the end of the node"))
	var closed *hubclient.ServerClosedError
	require.ErrorAs(t, conns[last].Err(), &closed)
	require.True(t, closed.AllowReconnect)
	mu.Lock()
	defer mu.Unlock()
	require.True(t, received[last], "received by %d of %d", len(received), count)
}
