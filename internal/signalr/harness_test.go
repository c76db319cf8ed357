package signalr_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// patience is how long a test waits for something that must happen.
const patience = 10 * time.Second

// user is the test's signalr.User.
type user struct {
	id      string
	expires time.Time
}

func (u user) ID() string           { return u.id }
func (u user) ExpiresAt() time.Time { return u.expires }

// fixture is a running server with one hub.
type fixture struct {
	*signalr.Server
	hub          *signalr.Hub
	url          string // http://…/hub
	conns        chan *signalr.Conn
	disconnected chan error
	observer     *observer
}

// setup runs a server on a real socket until the test ends.
func setup(t *testing.T, configure ...func(*signalr.Config)) *fixture {
	t.Helper()
	f := newFixture(t, configure...)
	serve(t, f, f.handler())
	return f
}

func serve(t *testing.T, f *fixture, h http.Handler) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	f.url = server.URL + "/hub"
	run(t, f)
}

func run(t *testing.T, f *fixture) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func newFixture(t *testing.T, configure ...func(*signalr.Config)) *fixture {
	t.Helper()
	f := &fixture{
		hub:          signalr.NewHub("test"),
		conns:        make(chan *signalr.Conn, 4096),
		disconnected: make(chan error, 4096),
		observer:     newObserver(),
	}
	cfg := testConfig(f.observer)
	for _, c := range configure {
		c(&cfg)
	}
	var err error
	f.Server, err = signalr.New(cfg)
	require.NoError(t, err)
	f.hub.OnConnected(func(_ context.Context, c *signalr.Conn) error {
		f.conns <- c
		return nil
	})
	f.hub.OnDisconnected(func(_ *signalr.Conn, err error) { f.disconnected <- err })
	registerMethods(f.hub)
	return f
}

func testConfig(o *observer) signalr.Config {
	cfg := signalr.Config{
		Settings:     signalr.DefaultSettings(),
		Authenticate: authenticate,
		Logger:       slog.New(slog.DiscardHandler),
		Metrics:      o.metrics,
	}
	// The tests' users and addresses are all the same.
	cfg.MaxConnectionsPerUser, cfg.MaxConnectionsPerAddress = 0, 0
	cfg.NegotiationRate, cfg.InvocationRate, cfg.UserInvocationRate, cfg.MessageRate = 0, 0, 0, 0
	return cfg
}

func (f *fixture) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/hub", f.Handler(f.hub))
	mux.Handle("/hub/negotiate", f.Handler(f.hub))
	mux.Handle("/hub/refresh", f.Handler(f.hub))
	return mux
}

// authenticate knows the tokens ?access_token=user, =other, =banned, and nothing else.
func authenticate(r *http.Request) (signalr.User, error) {
	switch r.URL.Query().Get("access_token") {
	case "user":
		return user{id: "u1"}, nil
	case "other":
		return user{id: "u2"}, nil
	case "forged":
		return nil, fmt.Errorf("checking the token: %w", forgedError{})
	case "banned":
		return nil, errors.Join(errors.New("not an admin"), signalr.ErrForbidden)
	default:
		return nil, errors.New("no token")
	}
}

// registerMethods gives the hub one method for each thing that can happen.
func registerMethods(h *signalr.Hub) {
	signalr.Method0(h, "Nothing", func(context.Context, *signalr.Call) (any, error) { return nil, nil })
	signalr.Method0(h, "Deep", func(context.Context, *signalr.Call) (any, error) { return deep(64), nil })
	signalr.Method1(h, "Echo", func(_ context.Context, _ *signalr.Call, text string) (any, error) { return text, nil })
	signalr.Method2(h, "Add", func(_ context.Context, _ *signalr.Call, a, b int) (any, error) { return a + b, nil })
	signalr.Method1(h, "ByID", func(_ context.Context, _ *signalr.Call, id uuid.UUID) (any, error) { return id, nil })
	signalr.Method1(h, "MaybeID", func(_ context.Context, _ *signalr.Call, id *uuid.UUID) (any, error) { return id, nil })
	signalr.Method1(h, "Raw", func(_ context.Context, _ *signalr.Call, v json.RawMessage) (any, error) { return v, nil })
	signalr.Method0(h, "Casing", func(_ context.Context, c *signalr.Call) (any, error) { return c.Method, nil })
	signalr.Method0(h, "Refuse", func(context.Context, *signalr.Call) (any, error) {
		return nil, &signalr.HubError{Message: "Forbidden"}
	})
	signalr.Method0(h, "Fail", func(context.Context, *signalr.Call) (any, error) { return nil, errors.New("a secret") })
	signalr.Method0(h, "Panic", func(context.Context, *signalr.Call) (any, error) { panic("a secret") })
	signalr.Method0(h, "Unencodable", func(context.Context, *signalr.Call) (any, error) { return make(chan int), nil })
	signalr.Method0(h, "Early", func(_ context.Context, c *signalr.Call) (any, error) {
		c.Complete("early")
		err := c.Conn.Send(signalr.NewMessage("Later", nil))
		c.Complete("twice")
		return "late", err
	})
	registerStreams(h)
	signalr.Method0(h, "CloseMe", func(_ context.Context, c *signalr.Call) (any, error) {
		c.Conn.Close("So be it.", true)
		return "never sent", nil
	})
}

// client is a WebSocket client that sends exactly what the test tells it to.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	rest string // records received and not yet returned
}

// dial connects without a handshake.
func (f *fixture) dial(t *testing.T) *client {
	t.Helper()
	return dialURL(t, ws.Dialer{}, f.url+"?access_token=user")
}

// connect connects and shakes hands.
func (f *fixture) connect(t *testing.T) (*client, *signalr.Conn) {
	t.Helper()
	c := f.dial(t)
	c.shakeHands()
	return c, f.opened(t)
}

func (f *fixture) opened(t *testing.T) *signalr.Conn {
	t.Helper()
	return within(t, f.conns, "OnConnected")
}

func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "did not happen: "+what)
		panic("unreachable")
	}
}

func dialURL(t *testing.T, d ws.Dialer, url string) *client {
	t.Helper()
	conn, in, _, err := d.Dial(t.Context(), strings.Replace(url, "http://", "ws://", 1))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	if in == nil {
		in = bufio.NewReader(conn)
	}
	return &client{t: t, conn: conn, in: in}
}

func (c *client) shakeHands() {
	c.t.Helper()
	c.send(`{"protocol":"json","version":1}`)
	c.expect(`{}`)
}

// send sends each record in a frame of its own.
func (c *client) send(records ...string) {
	c.t.Helper()
	for _, r := range records {
		c.frame(ws.NewTextFrame([]byte(r + "\x1e")))
	}
}

func (c *client) frame(f ws.Frame) {
	c.t.Helper()
	require.NoError(c.t, ws.WriteFrame(c.conn, ws.MaskFrame(f)))
}

// next returns the next frame.
func (c *client) next() (ws.Frame, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	h, err := ws.ReadHeader(c.in)
	if err != nil {
		return ws.Frame{}, err
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(c.in, payload)
	return ws.Frame{Header: h, Payload: payload}, err
}

// receive returns the next record.
func (c *client) receive() string {
	c.t.Helper()
	for {
		if record, rest, ok := strings.Cut(c.rest, "\x1e"); ok {
			c.rest = rest
			return record
		}
		f, err := c.next()
		require.NoError(c.t, err)
		require.Equal(c.t, ws.OpText, f.Header.OpCode, "payload %q", f.Payload)
		require.True(c.t, f.Header.Fin)
		require.False(c.t, f.Header.Masked)
		c.rest += string(f.Payload)
	}
}

// peek returns the next record and leaves it there.
func (c *client) peek() string {
	c.t.Helper()
	record := c.receive()
	c.rest = record + "\x1e" + c.rest
	return record
}

func (c *client) expect(records ...string) {
	c.t.Helper()
	for _, r := range records {
		require.Equal(c.t, r, c.receive())
	}
}

// expectClose expects the WebSocket close frame, answers it, and expects the end.
func (c *client) expectClose(status ws.StatusCode) {
	c.t.Helper()
	require.Empty(c.t, c.rest)
	f, err := c.next()
	require.NoError(c.t, err)
	require.Equal(c.t, ws.OpClose, f.Header.OpCode, "payload %q", f.Payload)
	got, _ := ws.ParseCloseFrameData(f.Payload)
	require.Equal(c.t, status, got)
	if ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewCloseFrame(f.Payload))) != nil {
		return // the server has not waited for a client that was slow to read
	}
	c.expectEOF()
}

func (c *client) expectEOF() {
	c.t.Helper()
	_, err := c.next()
	require.ErrorIs(c.t, err, io.EOF)
}

func message(target string, args ...string) *signalr.Message {
	raw := make([]json.RawMessage, len(args))
	for i, a := range args {
		raw[i] = json.RawMessage(a)
	}
	return signalr.NewMessage(target, raw)
}

// forgedError says how a request with a forged token must be answered.
type forgedError struct{}

func (forgedError) Error() string     { return "forged" }
func (forgedError) Challenge() string { return `Bearer error="invalid_token"` }

// deep needs about half a kilobyte of the goroutine's stack a level, as hub code that asks a database may.
//
//go:noinline
func deep(levels int) byte {
	var frame [512]byte
	if levels > 0 {
		frame[levels] = deep(levels - 1)
	}
	return frame[levels]
}
