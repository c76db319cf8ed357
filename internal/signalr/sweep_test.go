package signalr_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bubble is a fixture whose clock is synctest's.
type bubble struct {
	*fixture
	t         *testing.T
	dial      func() *client
	dialToken func(token string) *client
	dialAs    func(user string) *client
	client    *http.Client // speaks to the server through pipes
	client2   *http.Client // the same in HTTP/2
	server    *http.Server
}

// inBubble runs test with a server whose clock is the bubble's.
func inBubble(t *testing.T, test func(*bubble), configure ...func(*signalr.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, configure...)
		listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: f.handler(), Protocols: new(http.Protocols)}
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- f.Run(ctx) }()

		f.url = "http://pipe/hub"
		pool, pool2 := &http.Transport{DialContext: listener.dial},
			&http.Transport{DialContext: listener.dial, Protocols: new(http.Protocols)}
		pool2.Protocols.SetUnencryptedHTTP2(true)
		dialAs := func(user string) *client {
			return dialURL(t, ws.Dialer{NetDial: listener.dial}, "ws://pipe/hub?access_token="+user)
		}
		dial := func(query string) *client { return dialAs("user" + query) }
		defer func() { // also where the test fails
			pool.CloseIdleConnections()
			pool2.CloseIdleConnections()
			cancel()
			err := errors.Join(<-ran, server.Close())
			<-served
			require.NoError(t, err)
			time.Sleep(time.Second) // the bubble's, so that net/http has released the sockets of answers that closed them
		}()
		test(&bubble{
			fixture: f, t: t, client: &http.Client{Transport: pool}, client2: &http.Client{Transport: pool2}, server: server,
			dial:      func() *client { return dial("") },
			dialToken: func(token string) *client { return dial("&id=" + token) },
			dialAs:    dialAs,
		})
	})
}

// ping is the record that a client at rest receives.
const ping = `{"type":6}`

// recordAfter is receive with the time it took, and without the client's own time-out.
func (c *client) recordAfter() (string, time.Duration) {
	c.t.Helper()
	from := time.Now()
	_ = c.conn.SetReadDeadline(time.Time{})
	h, err := ws.ReadHeader(c.in)
	require.NoError(c.t, err)
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(c.in, payload)
	require.NoError(c.t, err)
	return strings.TrimSuffix(string(payload), "\x1e"), time.Since(from)
}

// expectAfterPings skips pings, expects want and returns how long that took.
func (c *client) expectAfterPings(want string) time.Duration {
	c.t.Helper()
	total := time.Duration(0)
	for {
		got, after := c.recordAfter()
		total += after
		if got != ping {
			require.Equal(c.t, want, got)
			return total
		}
	}
}

// get sends a WebSocket request that is refused before the socket is needed.
func (f *fixture) get(target string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	w := httptest.NewRecorder()
	f.handler().ServeHTTP(w, r)
	return w
}

// issue negotiates a connection token.
func (f *fixture) issue(t *testing.T) string {
	t.Helper()
	return f.issueWith(t, "")
}

func (f *fixture) issueWith(t *testing.T, query string) string {
	t.Helper()
	w := httptest.NewRecorder()
	f.handler().ServeHTTP(w,
		httptest.NewRequestWithContext(t.Context(), http.MethodPost,
			"/hub/negotiate?access_token=user&negotiateVersion=1"+query, nil))
	var body struct{ ConnectionToken string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	return body.ConnectionToken
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dial()
		c.shakeHands()
		for range 10 { // answers keep the client connected, too
			record, after := c.recordAfter()
			require.Equal(b.t, ping, record)
			require.InDelta(b.t, 15, after.Seconds(), 1)
			c.send(ping)
		}
	})
}

func TestSilentClientIsTimedOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dial()
		c.shakeHands()
		require.InDelta(b.t, 30, c.expectAfterPings(closedWithError).Seconds(), 1)
		c.expectClose(ws.StatusNormalClosure)
		require.Error(b.t, <-b.disconnected)
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.ClientTimedOut}, b.observer.reasons())
	})
}

// A slow method keeps the reader from reading: the client does not count as silent.
func TestBusyConnectionIsNotTimedOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		signalr.Method0(b.hub, "Slow", func(ctx context.Context, _ *signalr.Call) (any, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(2 * time.Minute):
				return "done", nil
			}
		})
		c := b.dial()
		c.shakeHands()
		c.send(`{"type":1,"invocationId":"1","target":"Slow","arguments":[]}`)
		require.Equal(b.t, 2*time.Minute, c.expectAfterPings(`{"type":3,"invocationId":"1","result":"done"}`))
	})
}

func TestLateHandshake(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dial()
		require.InDelta(b.t, 15, c.expectAfterPings(`{"error":"Handshake was canceled."}`).Seconds(), 1)
		c.expectClose(ws.StatusNormalClosure)
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.HandshakeFailed}, b.observer.reasons())
		require.Empty(b.t, b.disconnected)
	})
}

// Acceptance.
func TestExpiry(t *testing.T) {
	t.Parallel()
	lifetime := 6200 * time.Millisecond // due between two sweeps
	expiring := func(cfg *signalr.Config) {
		cfg.Authenticate = func(*http.Request) (signalr.User, error) {
			return user{id: "u1", expires: time.Now().Add(lifetime)}, nil
		}
	}
	const closed = `{"type":7,"error":"The connection's credentials have expired.","allowReconnect":true}`
	t.Run("within a second", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			c := b.dial()
			c.shakeHands()
			after := c.expectAfterPings(closed)
			require.GreaterOrEqual(b.t, after, lifetime)
			require.LessOrEqual(b.t, after, lifetime+time.Second)
			c.expectClose(ws.StatusNormalClosure)
			require.NoError(b.t, <-b.disconnected)
			synctest.Wait()
			require.Equal(b.t, []signalr.CloseReason{signalr.CredentialsExpired}, b.observer.reasons())
		}, expiring)
	})
	t.Run("put off by a new user", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			c := b.dial()
			c.shakeHands()
			conn := <-b.conns
			conn.SetUser(user{id: "u1", expires: time.Now().Add(10 * time.Second)})
			require.Equal(b.t, "u1", conn.User().ID())
			after := c.expectAfterPings(closed)
			require.GreaterOrEqual(b.t, after, 10*time.Second)
			c.expectClose(ws.StatusNormalClosure)
		}, expiring)
	})
}

func TestUnusedTokenExpires(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		token := b.issue(b.t)
		<-time.After(15 * time.Second) // the bubble's time, not ours
		require.Equal(b.t, http.StatusNotFound, b.get("/hub?access_token=user&id="+token).Code)
	})
}

// A client that reads nothing at all is cut off, though its queue never fills up.
func TestStuckWriteTimesOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dial()
		c.shakeHands()
		conn := <-b.conns
		from := time.Now()
		require.NoError(b.t, conn.Send(message("M"))) // a pipe has no buffer: it waits for its reader
		require.Error(b.t, <-b.disconnected)
		require.InDelta(b.t, 30, time.Since(from).Seconds(), 1)
		require.ErrorIs(b.t, conn.Send(message("M")), signalr.ErrClosed)
	}, func(cfg *signalr.Config) { cfg.ClientTimeout = time.Hour })
}

// An overflowing queue is dropped: a client that is behind is told to come back without having to take all of it.
func TestOverflowDropsTheQueue(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dial()
		c.shakeHands()
		conn := <-b.conns
		require.NoError(b.t, conn.Send(message("Written")))
		synctest.Wait() // the writer has it in its hands
		m := message("Queued")
		for conn.Send(m) == nil { //nolint:revive // until it is full
		}
		c.expect(`{"type":1,"target":"Written","arguments":[]}`,
			`{"type":7,"error":"The client does not keep up with the messages that are sent to it.","allowReconnect":true}`)
		c.expectClose(ws.StatusNormalClosure)
		require.ErrorIs(b.t, <-b.disconnected, signalr.ErrQueueFull)
	}, func(cfg *signalr.Config) { cfg.QueueBytes = 1 << 10 })
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		silent, greeted := b.dial(), b.dial()
		greeted.shakeHands()
		conn := <-b.conns
		sent := make(chan error, 1)
		go func() { sent <- conn.Send(message("Last")) }()
		require.NoError(b.t, <-sent)

		done := make(chan error, 1)
		go func() { done <- b.Shutdown(context.Background()) }()
		greeted.expect(`{"type":1,"target":"Last","arguments":[]}`, `{"type":7,"allowReconnect":true}`)
		greeted.expectClose(ws.StatusNormalClosure)
		silent.expectClose(ws.StatusNormalClosure)
		require.NoError(b.t, <-done)
		require.Zero(b.t, b.Connections("test"))
		for _, path := range []string{"/hub", "/hub/negotiate"} { // and no client gets in any more
			require.Equal(b.t, http.StatusServiceUnavailable, b.get(path+"?access_token=user").Code, path)
		}
	})
}

func TestShutdownCutsOffWhoDoesNotLeave(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dial()
		c.shakeHands()
		impatient := errors.New("impatient")
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, impatient)
		defer cancel()
		require.ErrorIs(b.t, b.Shutdown(ctx), impatient)
		require.Zero(b.t, b.Connections("test"))
	})
}
