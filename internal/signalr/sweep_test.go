package signalr_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// pipes is a listener in memory, so that a server's time can be synctest's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inBubble runs f with a server whose clock is the bubble's.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture, dial func() *client), configure ...func(*signalr.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, configure...)
		listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: f.handler()} //nolint:gosec // nobody is slow here
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- f.Run(ctx) }()

		test(t, f, func() *client {
			return dialURL(t, ws.Dialer{NetDial: listener.dial}, "ws://pipe/hub?access_token=user")
		})

		cancel()
		require.NoError(t, <-ran)
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
}

// nextAfter is next with the time it took; the client's own patience is out of the way.
func (c *client) nextAfter() (ws.Frame, time.Duration) {
	c.t.Helper()
	from := time.Now()
	_ = c.conn.SetReadDeadline(time.Time{})
	h, err := ws.ReadHeader(c.in)
	require.NoError(c.t, err)
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(c.in, payload)
	require.NoError(c.t, err)
	return ws.Frame{Header: h, Payload: payload}, time.Since(from)
}

// get sends a WebSocket request that is refused before the socket is needed.
func (f *fixture) get(target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	w := httptest.NewRecorder()
	f.handler().ServeHTTP(w, r)
	return w
}

// issue negotiates a connection token.
func (f *fixture) issue(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	f.handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hub/negotiate?access_token=user&negotiateVersion=1", nil))
	var body struct{ ConnectionToken string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	return body.ConnectionToken
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, _ *fixture, dial func() *client) {
		c := dial()
		c.shakeHands()
		for range 10 { // and by answering, the client stays
			ping, after := c.nextAfter()
			require.Equal(t, "{\"type\":6}\x1e", string(ping.Payload))
			require.InDelta(t, 15, after.Seconds(), 1)
			c.send(`{"type":6}`)
		}
	})
}

func TestSilentClientIsTimedOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *fixture, dial func() *client) {
		c := dial()
		c.shakeHands()
		from := time.Now()
		ping, _ := c.nextAfter()
		require.Equal(t, "{\"type\":6}\x1e", string(ping.Payload))
		last, _ := c.nextAfter()
		if string(last.Payload) == "{\"type\":6}\x1e" { // both are due at 30 s
			last, _ = c.nextAfter()
		}
		require.Equal(t, closedWithError+"\x1e", string(last.Payload))
		require.InDelta(t, 30, time.Since(from).Seconds(), 1)
		c.expectClose(ws.StatusNormalClosure)
		require.Error(t, <-f.disconnected)
		synctest.Wait()
		require.Equal(t, []signalr.CloseReason{signalr.ClientTimedOut}, f.observer.reasons())
	})
}

// A method that takes its time keeps the reader from reading: that is not the client's silence.
func TestBusyConnectionIsNotTimedOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *fixture, dial func() *client) {
		signalr.Method0(f.hub, "Slow", func(ctx context.Context, _ *signalr.Call) (any, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(2 * time.Minute):
				return "done", nil
			}
		})
		c := dial()
		c.shakeHands()
		c.send(`{"type":1,"invocationId":"1","target":"Slow","arguments":[]}`)
		var got string
		for got = "{\"type\":6}\x1e"; got == "{\"type\":6}\x1e"; {
			f, _ := c.nextAfter()
			got = string(f.Payload)
		}
		require.Equal(t, `{"type":3,"invocationId":"1","result":"done"}`+"\x1e", got)
	})
}

func TestLateHandshake(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *fixture, dial func() *client) {
		c := dial()
		refusal, after := c.nextAfter()
		require.Equal(t, `{"error":"Handshake was canceled."}`+"\x1e", string(refusal.Payload))
		require.InDelta(t, 15, after.Seconds(), 1)
		c.expectClose(ws.StatusNormalClosure)
		synctest.Wait()
		require.Equal(t, []signalr.CloseReason{signalr.HandshakeFailed}, f.observer.reasons())
		require.Empty(t, f.disconnected)
	})
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	lifetime := 7 * time.Second
	expiring := func(cfg *signalr.Config) {
		cfg.Authenticate = func(*http.Request) (signalr.User, error) {
			return user{id: "u1", expires: time.Now().Add(lifetime)}, nil
		}
	}
	const closed = `{"type":7,"error":"The connection's credentials have expired.","allowReconnect":true}` + "\x1e"
	t.Run("within a second", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(t *testing.T, f *fixture, dial func() *client) {
			c := dial()
			c.shakeHands()
			last, after := c.nextAfter()
			require.Equal(t, closed, string(last.Payload))
			require.GreaterOrEqual(t, after, lifetime)
			require.LessOrEqual(t, after, lifetime+time.Second)
			c.expectClose(ws.StatusNormalClosure)
			require.NoError(t, <-f.disconnected)
			synctest.Wait()
			require.Equal(t, []signalr.CloseReason{signalr.CredentialsExpired}, f.observer.reasons())
		}, expiring)
	})
	t.Run("put off by a new user", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(t *testing.T, f *fixture, dial func() *client) {
			c := dial()
			c.shakeHands()
			conn := <-f.conns
			conn.SetUser(user{id: "u1", expires: time.Now().Add(10 * time.Second)})
			require.Equal(t, "u1", conn.User().ID())
			last, after := c.nextAfter()
			require.Equal(t, closed, string(last.Payload))
			require.GreaterOrEqual(t, after, 10*time.Second)
			c.expectClose(ws.StatusNormalClosure)
		}, expiring)
	})
}

func TestUnusedTokenExpires(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *fixture, _ func() *client) {
		token := f.issue(t)
		<-time.After(15 * time.Second) // the bubble's time, not ours
		require.Equal(t, http.StatusNotFound, f.get("/hub?access_token=user&id="+token).Code)
	})
}

// A client that takes nothing at all is cut off, though its queue never fills up.
func TestStuckWriteTimesOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *fixture, dial func() *client) {
		c := dial()
		c.shakeHands()
		conn := <-f.conns
		from := time.Now()
		require.NoError(t, conn.Send(message("M"))) // a pipe has no buffer: it waits for its reader
		require.Error(t, <-f.disconnected)
		require.InDelta(t, 30, time.Since(from).Seconds(), 1)
		require.ErrorIs(t, conn.Send(message("M")), signalr.ErrClosed)
	}, func(cfg *signalr.Config) { cfg.ClientTimeout = time.Hour })
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *fixture, dial func() *client) {
		silent, greeted := dial(), dial()
		greeted.shakeHands()
		conn := <-f.conns
		sent := make(chan error, 1)
		go func() { sent <- conn.Send(message("Last")) }()
		require.NoError(t, <-sent)

		done := make(chan error, 1)
		go func() { done <- f.Shutdown(context.Background()) }()
		greeted.expect(`{"type":1,"target":"Last","arguments":[]}`, `{"type":7,"allowReconnect":true}`)
		greeted.expectClose(ws.StatusNormalClosure)
		silent.expectClose(ws.StatusNormalClosure)
		require.NoError(t, <-done)
		require.Zero(t, f.Connections("test"))
		require.Equal(t, http.StatusServiceUnavailable, f.get("/hub?access_token=user&id="+f.issue(t)).Code)
	})
}

func TestShutdownCutsOffWhoDoesNotLeave(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *fixture, dial func() *client) {
		c := dial()
		c.shakeHands()
		impatient := errors.New("impatient")
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, impatient)
		defer cancel()
		require.ErrorIs(t, f.Shutdown(ctx), impatient)
		require.Zero(t, f.Connections("test"))
	})
}
