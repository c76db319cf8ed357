package hostile_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// replayMost is how much memory a connection may take that resumes and does not read: its queue of 1 MiB, and the
// events being read for it.
const replayMost = 2 << 20

// deaf opens a WebSocket, sends these messages of the JSON protocol and reads nothing.
func deaf(t *testing.T, cfg hubclient.Config, hub, token string, messages ...string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				err = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			}
			return conn, err
		},
	}}
	conn, _, err := websocket.Dial(t.Context(), cfg.URL+hub+"?access_token="+token, &websocket.DialOptions{HTTPClient: client}) //nolint:bodyclose // it has none
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	for _, m := range append([]string{`{"protocol":"json","version":1}`}, messages...) {
		require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(m+"\x1e")))
	}
}

// livePeak returns the highest live heap above base until done is closed.
func livePeak(base uint64, done <-chan struct{}) (peak uint64) {
	for {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		peak = max(peak, stats.HeapAlloc-min(base, stats.HeapAlloc))
		select {
		case <-done:
			return peak
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Connections that ask for much and read none of it hold no more than their queues; one that reads is served
// meanwhile.
//
// Acceptance: A-466.
//
//nolint:paralleltest // it measures the heap of this process
func TestResumesThatNobodyReadsTakeBoundedMemory(t *testing.T) {
	const events, connections, orders = 130, 40, 2
	db := pgtest.New(t)
	cfg := node(t, db, func(c *app.Config) { c.Server.RingBytes = 1 }) // all events are read from the log
	conn := db.Conn(t)
	var permissions, messages []string
	for i := range orders {
		order := uuid.New()
		largeOrder(t, conn, order, events)
		relayed(t, conn, (i+1)*events)
		permissions = append(permissions, "OrderOwner:"+order.String())
		messages = append(messages,
			fmt.Sprintf(`{"type":1,"invocationId":"%d","target":"ResumeOrder","arguments":["%s","%s"]}`, i, order, uuid.Nil))
	}
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	done, peak := make(chan struct{}), make(chan uint64)
	go func() { peak <- livePeak(stats.HeapAlloc, done) }()
	for range connections {
		deaf(t, cfg, "/hubs/customer-orders", token(t, "deaf", permissions...), messages...)
	}
	cfg.Token = func(context.Context) (string, error) { return token(t, "polite", permissions...), nil }
	reader, err := hubclient.Connect(t.Context(), cfg, "/hubs/customer-orders", nil)
	require.NoError(t, err)
	defer reader.Close()
	for _, permission := range permissions {
		answer, err := reader.Invoke(t.Context(), "ResumeOrder", strings.TrimPrefix(permission, "OrderOwner:"),
			uuid.Nil.String())
		require.NoError(t, err)
		require.Contains(t, string(answer), fmt.Sprintf(`"replayed":%d`, events))
	}
	close(done)
	each := <-peak / connections
	t.Logf("%d KiB a connection", each>>10)
	require.Less(t, each, uint64(replayMost))
}
