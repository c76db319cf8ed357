package signalr_test

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// openOne returns a connection whose client discards everything.
func openOne(tb testing.TB) *signalr.Conn {
	tb.Helper()
	opened := make(chan *signalr.Conn, 1)
	hub := signalr.NewHub("bench")
	hub.OnConnected(func(_ context.Context, c *signalr.Conn) error {
		opened <- c
		return nil
	})
	cfg := signalr.Config{
		Settings: signalr.DefaultSettings(), Authenticate: authenticate, Logger: slog.New(slog.DiscardHandler),
	}
	cfg.QueueBytes = 1 << 30
	server, err := signalr.New(cfg)
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

// BenchmarkSend measures queueing. The queue is emptied while the clock is stopped.
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
