package signalr_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// All that ends a connection over WebSockets ends one over the other transports in the same way.

func TestHalfCloseSendsWhatIsQueuedFirst(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, f *fixture, c talker) {
		t.Helper()
		conn := greet(t, f, c)
		for range 100 {
			require.NoError(t, conn.Send(message("M")))
		}
		conn.Close("So be it.", true)
		require.ErrorIs(t, conn.Send(message("M")), signalr.ErrClosed)
		for range 100 {
			c.expect(`{"type":1,"target":"M","arguments":[]}`)
		}
		c.expect(`{"type":7,"error":"So be it.","allowReconnect":true}`)
		c.expectEnd()
		require.NoError(t, within(t, f.disconnected, "OnDisconnected"))
		require.Eventually(t, func() bool { return len(f.observer.reasons()) == 1 }, patience, soon)
		require.Equal(t, []signalr.CloseReason{signalr.ClosedByServer}, f.observer.reasons())
	})
}

func TestHalfClientCloses(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, f *fixture, c talker) {
		t.Helper()
		greet(t, f, c)
		c.send(`{"type":7}`)
		c.expect(`{"type":7}`)
		c.expectEnd()
		require.NoError(t, within(t, f.disconnected, "OnDisconnected"))
		require.Eventually(t, func() bool { return len(f.observer.reasons()) == 1 }, patience, soon)
		require.Equal(t, []signalr.CloseReason{signalr.ClosedByClient}, f.observer.reasons())
	})
}

func TestHalfShutdown(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		conn := greet(b.t, b.fixture, c)
		late := b.negotiated(b.t, b.client)
		require.NoError(b.t, conn.Send(message("Last")))
		done := make(chan error, 1)
		from := time.Now()
		go func() { done <- b.Shutdown(context.Background()) }()
		synctest.Wait()
		c.expect(`{"type":1,"target":"Last","arguments":[]}`, `{"type":7,"allowReconnect":true}`)
		c.expectEnd()
		require.NoError(b.t, <-done)
		require.Zero(b.t, time.Since(from))
		for _, h := range [][]string{nil, events} {
			a := late.do(http.MethodGet, "", h...)
			require.Equal(b.t, http.StatusServiceUnavailable, a.status)
		}
	})
}

// A shutdown does not wait longer for a poller that does not fetch its last messages than for a socket.
func TestShutdownDoesNotWaitForAbsentPollers(t *testing.T) {
	t.Parallel()
	pollingInBubble(t, func(b *bubble, _ *poller, conn *signalr.Conn) {
		require.NoError(b.t, conn.Send(message("Last")))
		from := time.Now()
		require.NoError(b.t, b.Shutdown(context.Background()))
		require.InDelta(b.t, 5, time.Since(from).Seconds(), 0.1)
	})
}

func TestHalfShutdownCutsOffWhoDoesNotLeave(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		signalr.Method0(b.hub, "Heedless", func(context.Context, *signalr.Call) (any, error) {
			<-time.After(1500 * time.Millisecond)
			return nil, nil
		})
		greet(b.t, b.fixture, c)
		c.send(`{"type":1,"target":"Heedless","arguments":[]}`)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(b.t, b.Shutdown(ctx), context.DeadlineExceeded)
		require.Zero(b.t, b.Connections("test"))
	})
}

func TestHalfOverflow(t *testing.T) {
	t.Parallel()
	tooSlow := `{"type":7,"error":"The client does not keep up with the messages that are sent to it.","allowReconnect":true}`
	overEachInBubble(t, func(b *bubble, c talker) {
		conn := greet(b.t, b.fixture, c)
		m := message("M", `"`+strings.Repeat("x", 100_000)+`"`)
		require.NoError(b.t, conn.Send(m))
		synctest.Wait() // the writer has it in its hands
		sent := 1
		for conn.Send(m) == nil {
			sent++
		}
		require.Greater(b.t, sent, 5)
		written := `{"type":1,"target":"M","arguments":["` + strings.Repeat("x", 100_000) + `"]}`
		c.expect(written)
		last := c.receive()
		for last == written { // HTTP/2 takes some ahead of its reader
			last = c.receive()
		}
		require.JSONEq(b.t, tooSlow, last)
		c.expectEnd()
		require.ErrorIs(b.t, <-b.disconnected, signalr.ErrQueueFull)
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.ClientTooSlow}, b.observer.reasons())
	})
}

// Acceptance: A-294.
func TestHalfCredentialsExpire(t *testing.T) {
	t.Parallel()
	expiring := func(cfg *signalr.Config) {
		cfg.Authenticate = func(r *http.Request) (signalr.User, error) {
			if r.URL.Query().Get("id") == "" { // negotiate
				return user{id: "u1"}, nil
			}
			return user{id: "u1", expires: time.Now().Add(10 * time.Second)}, nil
		}
	}
	overEachInBubble(t, func(b *bubble, c talker) {
		greet(b.t, b.fixture, c)
		from := time.Now()
		c.expect(`{"type":7,"error":"The connection's credentials have expired.","allowReconnect":true}`)
		c.expectEnd()
		require.InDelta(b.t, 10, time.Since(from).Seconds(), 1, "later requests' credentials do not matter")
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.CredentialsExpired}, b.observer.reasons())
	}, expiring)
}

func TestHalfHandshakeIsLate(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		from := time.Now()
		c.expect(`{"error":"Handshake was canceled."}`)
		c.expectEnd()
		require.InDelta(b.t, 15, time.Since(from).Seconds(), 1)
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.HandshakeFailed}, b.observer.reasons())
	})
}

func TestHalfOnConnectedRefuses(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		b.hub.OnConnected(func(context.Context, *signalr.Conn) error { return &signalr.HubError{Message: "Not today"} })
		c.send(strings.TrimSuffix(handshake, "\x1e"))
		c.expect(`{}`, `{"type":7,"error":"Connection closed with an error. HubException: Not today"}`)
		c.expectEnd()
	})
}

// A slow method keeps the reader busy. Requests are taken all the same, and the client does not count as silent.
func TestHalfBusyConnection(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		signalr.Method0(b.hub, "Slow", func(context.Context, *signalr.Call) (any, error) {
			<-time.After(2 * time.Minute)
			return "done", nil
		})
		greet(b.t, b.fixture, c)
		c.send(`{"type":1,"invocationId":"1","target":"Slow","arguments":[]}`)
		from := time.Now()
		c.send(ping, ping, strings.TrimSuffix(nothing, "\x1e"))
		require.Zero(b.t, time.Since(from))
		require.JSONEq(b.t, `{"type":3,"invocationId":"1","result":"done"}`, receiveButPings(c))
		require.JSONEq(b.t, nothingResult, receiveButPings(c))
	})
}

func receiveButPings(c talker) string {
	record := c.receive()
	for record == ping {
		record = c.receive()
	}
	return record
}

func TestHalfMessagesTooLargeOrMalformed(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{
		"too large":     `{"type":6,"x":"` + strings.Repeat("x", signalr.DefaultSettings().MaximumMessageSize) + `"}`,
		"malformed":     `{"type":`,
		"without UTF-8": "{\"type\":6,\"x\":\"\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overEachInBubble(t, func(b *bubble, c talker) {
				greet(b.t, b.fixture, c)
				go func() { // in a goroutine: the answer comes once enough of the request was taken
					_, _ = halfOf(c).try(context.Background(), http.MethodPost, record+"\x1e")
				}()
				c.expect(closedWithError)
				c.expectEnd()
				synctest.Wait()
				require.Equal(b.t, []signalr.CloseReason{signalr.ProtocolViolated}, b.observer.reasons())
			})
		})
	}
}

func halfOf(c talker) *half {
	switch c := c.(type) {
	case *stream:
		return c.half
	case *poller:
		return c.half
	default:
		panic("no half-transport")
	}
}

// Only a WebSocket can be replaced by another. A client that negotiated stateful reconnect and falls back to a
// half-transport gets none of it: no numbers, no acknowledgements, and an end when it leaves.
func TestHalfTransportsHaveNoStatefulReconnect(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		h := &half{t: b.t, http: b.client}
		h.url = b.url + "?access_token=user&id=" + b.issueWith(b.t, "&useStatefulReconnect=true")
		s := h.stream()
		s.send(`{"protocol":"json","version":2}`)
		s.expect(`{}`)
		s.send(strings.TrimSuffix(nothing, "\x1e"))
		s.expect(nothingResult, ping)
		from := time.Now()
		s.leave()
		require.NoError(b.t, <-b.disconnected)
		require.Zero(b.t, time.Since(from))
		synctest.Wait()
		require.Equal(b.t, http.StatusNotFound, h.do(http.MethodGet, "", upgrade...).status)
	})
}

// Binary data goes over long polling as it is, and is refused where only text goes.
func TestBinaryProtocolOverHalfTransports(t *testing.T) {
	t.Parallel()
	const hello = `{"protocol":"messagepack","version":1}`
	f := setup(t)
	p := f.poller(t)
	p.send(hello)
	p.expect(`{}`)
	f.opened(t)
	invocation := "\x95\x01\x80\xa1i\xa4Echo\x91\xa4\x1e\r\n\x00"
	require.Equal(t, http.StatusOK, p.do(http.MethodPost, string(rune(len(invocation)))+invocation).status)
	completion := "\x95\x03\x80\xa1i\x03\xa4\x1e\r\n\x00"
	require.Equal(t, string(rune(len(completion)))+completion, p.poll().body)

	s := f.stream(t)
	s.send(hello)
	s.expect(`{"error":"Cannot use the 'messagepack' protocol on the current transport. The transport does not support 'Binary' transfer format."}`)
	s.expectEnd()
}
