package signalr_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// openOne returns a connection whose client throws everything away.
func openOne(tb testing.TB) *signalr.Conn {
	tb.Helper()
	opened := make(chan *signalr.Conn, 1)
	hub := signalr.NewHub("bench")
	hub.OnConnected(func(_ context.Context, c *signalr.Conn) error {
		opened <- c
		return nil
	})
	server, err := signalr.New(signalr.Config{Authenticate: authenticate, Logger: slog.New(slog.DiscardHandler), QueueBytes: 1 << 30})
	require.NoError(tb, err)
	listener := httptest.NewServer(server.Handler(hub))
	tb.Cleanup(listener.Close)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	conn, _, _, err := ws.Dial(ctx, strings.Replace(listener.URL, "http", "ws", 1)+"?access_token=user")
	require.NoError(tb, err)
	tb.Cleanup(func() {
		_ = conn.Close()
		cancel()
		require.NoError(tb, <-done)
	})
	require.NoError(tb, ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte(handshake)))))
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	return <-opened
}

// BenchmarkSend is the cost of queueing; the queue is let run empty outside the clock.
func BenchmarkSend(b *testing.B) {
	c := openOne(b)
	m := message("ReceiveOrderStatusChanged", `{"orderId":"f47ac10b-58cc-4372-a567-0e02b2c3d479"}`)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := c.Send(m); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 999 {
			if err := c.WaitQueue(b.Context(), 1); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func TestSendDoesNotAllocate(t *testing.T) { //nolint:paralleltest // others' allocations would count
	c := openOne(t)
	m := message("M", `1`)
	warm := func() {
		for range 16 { // what an idle queue keeps room for
			require.NoError(t, c.Send(m))
		}
		require.NoError(t, c.WaitQueue(t.Context(), 1))
	}
	warm()
	allocations := testing.AllocsPerRun(2000, func() {
		for range 8 {
			if c.Send(m) != nil {
				panic("closed")
			}
		}
		for c.QueuedBytes() > 0 {
			runtime.Gosched()
		}
	})
	require.Less(t, allocations/8, 0.05, "allocations per Send")
}

// TestIdleFootprint bounds what a connection at rest holds on the server, stacks included. The client's end is in this
// process too: a socket of the least kind, a kilobyte or so, which the bound includes.
func TestIdleFootprint(t *testing.T) { //nolint:paralleltest // others' memory would count
	const count, bound = 500, 8 << 10
	f := newFixture(t)
	server := httptest.NewServer(f.handler())
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	request := []byte("GET /hub?access_token=user HTTP/1.1\r\nHost: " + address + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	hello := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(handshake + nothing))))
	f.url = server.URL + "/hub"

	buffer := make([]byte, 4096)
	open := func() *signalr.Conn {
		conn, err := netDial(t, address)
		require.NoError(t, err)
		_, err = conn.Write(request)
		require.NoError(t, err)
		_, err = conn.Read(buffer)
		require.NoError(t, err)
		_, err = conn.Write(hello)
		require.NoError(t, err)
		return f.opened(t)
	}
	for range 20 { // pools and the like
		open()
	}
	before := inUse()
	conns := make([]*signalr.Conn, count)
	for i := range conns {
		conns[i] = open()
	}
	for _, c := range conns {
		require.NoError(t, c.WaitQueue(t.Context(), 1))
	}
	each := (inUse() - before) / count
	t.Logf("%d bytes a connection at rest", each)
	require.Less(t, each, int64(bound))

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Shutdown(ctx) }()
	for range 520 {
		within(t, f.disconnected, "OnDisconnected")
	}
	require.NoError(t, <-done)
	http.DefaultClient.CloseIdleConnections()
}

// inUse returns the bytes of heap and stacks that are in use once nothing changes any more.
func inUse() int64 {
	var m runtime.MemStats
	last := int64(-1)
	for range 20 {
		runtime.GC()
		runtime.ReadMemStats(&m)
		now := int64(m.HeapAlloc + m.StackInuse)
		if last-now < 4096 && now-last < 4096 {
			break
		}
		last = now
		<-time.After(10 * time.Millisecond) // goroutines that are ending
	}
	return last
}
