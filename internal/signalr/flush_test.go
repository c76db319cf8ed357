package signalr_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// queueAndFlush is Send as a caller does it that sends to many.
func queueAndFlush(conn *signalr.Conn, m *signalr.Message) error {
	flush, err := conn.Queue(m)
	if flush {
		conn.Flush()
	}
	return err
}

func TestQueuedIsWrittenByFlush(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, conn := f.connect(t)
	for i := range 3 {
		flush, err := conn.Queue(message("M"))
		require.NoError(t, err)
		require.Equal(t, i == 0, flush, "the first one to queue flushes")
	}
	require.NoError(t, conn.Send(message("N")))
	require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := c.conn.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout")
	require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(patience)))
	conn.Flush()
	for range 3 {
		c.expect(`{"type":1,"target":"M","arguments":[]}`)
	}
	c.expect(`{"type":1,"target":"N","arguments":[]}`)
	require.Zero(t, conn.QueuedBytes())

	flush, err := conn.Queue(message("Last"))
	require.NoError(t, err)
	require.True(t, flush)
	conn.Close("", true)
	flush, err = conn.Queue(message("M"))
	require.ErrorIs(t, err, signalr.ErrClosed)
	require.False(t, flush)
	conn.Flush()
	c.expect(`{"type":1,"target":"Last","arguments":[]}`, `{"type":7,"allowReconnect":true}`)
	c.expectClose(ws.StatusNormalClosure)
	require.NoError(t, within(t, f.disconnected, "OnDisconnected"))
	require.Equal(t, 1+4+1+2, f.observer.messages())
}

// Many senders queue what a socket takes at once, and more: all arrives, in order.
func TestFlushOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 4, 1000
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes, cfg.ClientTimeout = 1<<30, time.Hour })
	c, conn := f.connect(t)
	sizes := []int{10, 100, 1000, 70_000, 200, 5000}
	text := func(i int) string { return `"` + strings.Repeat("x", sizes[i%len(sizes)]) + `"` }
	var flush [senders]bool
	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			for i := range each {
				m, due := message("M", fmt.Sprintf("[%d,%d]", s, i), text(i)), false
				var err error
				if s == 0 {
					err = conn.Send(m)
				} else {
					due, err = conn.Queue(m)
				}
				if err != nil {
					t.Errorf("sender %d, message %d: %v", s, i, err)
					return
				}
				if flush[s] = flush[s] || due; flush[s] && i%5 == 4 {
					flush[s] = false
					conn.Flush()
				}
			}
		})
	}
	group.Wait() // far more than a socket's buffers hold has been queued: no sender was held up
	var next [senders]int
	bytes := 0
	for range senders * each {
		var s, i int
		record := c.receive()
		_, err := fmt.Sscanf(record, `{"type":1,"target":"M","arguments":[[%d,%d],`, &s, &i)
		require.NoError(t, err, record)
		require.Equal(t, next[s], i, "of sender %d", s)
		require.True(t, strings.HasSuffix(record, "],"+text(i)+"]}"), "sender %d, message %d is damaged", s, i)
		next[s]++
		bytes += message("M", fmt.Sprintf("[%d,%d]", s, i), text(i)).Size()
	}
	require.NoError(t, conn.WaitQueue(t.Context(), 1))
	require.Equal(t, 1+senders*each, f.observer.messages())
	require.Equal(t, len("\x81\x03{}\x1e")+bytes, f.observer.bytes())
}

// A socket with a small buffer takes a part of the flushed bytes, which ends anywhere in a frame.
func TestFlushOfMoreThanTheSocketTakes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server := httptest.NewUnstartedServer(f.handler())
	server.Config.ConnState = func(socket net.Conn, state http.ConnState) {
		if tcp, ok := socket.(*net.TCPConn); ok && state == http.StateNew {
			_ = tcp.SetWriteBuffer(8 << 10)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	f.url = server.URL + "/hub"
	run(t, f)
	c, conn := f.connect(t)
	flushed := 0
	for round := range 20 {
		var texts []string
		flush := false
		for i := range 6 {
			texts = append(texts, fmt.Sprintf(`"%s"`, strings.Repeat(string(rune('a'+i)), 1+(i*7919+round*6151)%90_000)))
			first, err := conn.Queue(message("M", texts[i]))
			require.NoError(t, err)
			flush = flush || first
		}
		if flush { // else the last round's goroutine still looks for more
			conn.Flush()
			flushed++
		}
		for _, text := range texts {
			c.expect(`{"type":1,"target":"M","arguments":[` + text + `]}`)
		}
		require.NoError(t, conn.WaitQueue(t.Context(), 1))
		time.Sleep(time.Millisecond)
	}
	require.NotZero(t, flushed)
}

// A client that reads nothing delays no flush, and is closed once its queue is full.
func TestFlushDoesNotWait(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes = 8 << 20 })
	_, stuck := f.connect(t)
	m := message("M", `"`+strings.Repeat("x", 1<<20)+`"`)
	done := make(chan error, 1)
	go func() {
		for range 1000 {
			if err := queueAndFlush(stuck, m); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	require.ErrorIs(t, within(t, done, "flushing to a client that does not read"), signalr.ErrQueueFull)
}

// A flush whose client is gone ends the connection.
func TestFlushToNobody(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, conn := f.connect(t)
	flush, err := conn.Queue(message("M"))
	require.NoError(t, err)
	require.True(t, flush)
	require.NoError(t, c.conn.Close())
	within(t, f.disconnected, "OnDisconnected")
	conn.Flush()
	require.Eventually(t, func() bool { return len(f.observer.reasons()) == 1 }, patience, time.Millisecond)
	require.Zero(t, conn.QueuedBytes())
}

// What a flush writes keeps a connection alive, as what a goroutine writes does.
func TestFlushSparesPings(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.KeepAliveInterval = 2 * time.Second })
	c, conn := f.connect(t)
	for range 20 {
		require.NoError(t, queueAndFlush(conn, message("M")))
		c.expect(`{"type":1,"target":"M","arguments":[]}`)
		time.Sleep(200 * time.Millisecond)
	}
}

// Over transports that cannot tell whether a write would wait, a goroutine writes.
func TestFlushOverHalfTransports(t *testing.T) {
	t.Parallel()
	f := setup(t)
	stream := f.stream(t)
	conn := greet(t, f, stream)
	for range 100 {
		require.NoError(t, queueAndFlush(conn, message("M")))
	}
	for range 100 {
		stream.expect(`{"type":1,"target":"M","arguments":[]}`)
	}
}
