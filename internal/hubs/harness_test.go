package hubs_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubs"
	"github.com/yummyzoom/herald/internal/signalr"
)

const (
	secret   = "a secret that is long enough for HS256"
	patience = 10 * time.Second
)

// server serves the hubs on a real socket.
type server struct {
	t        *testing.T
	url      string
	b        *broadcast.Broadcaster
	signalr  *signalr.Server
	hubs     *hubs.Hubs
	guard    *guard
	log      *memory
	stats    *statistics
	counts   *counts
	teamCart bool
	logger   *slog.Logger // the hubs' logger
	asking   func(*hubs.Config)
	names    string
}

func setup(t *testing.T, options ...func(*server)) *server {
	t.Helper()
	s := &server{t: t, guard: &guard{}, log: &memory{}, stats: &statistics{}, counts: &counts{}, teamCart: true}
	quiet := slog.New(slog.DiscardHandler)
	s.logger = quiet
	for _, o := range options {
		o(s)
	}
	var err error
	s.b, err = broadcast.New(broadcast.Config{Settings: broadcast.Settings{ReplayLimit: 5}, Logger: quiet}, s.log)
	require.NoError(t, err)
	tokens, err := auth.NewVerifier(t.Context(), auth.Config{Secret: secret})
	require.NoError(t, err)
	cfg := hubs.Config{
		Broadcaster: s.b, Authorizer: s.guard, Tokens: tokens, Stats: s.stats, Connections: s.counts,
		TeamCart: s.teamCart, Logger: s.logger, RefreshTimeout: time.Second,
	}
	if s.asking != nil {
		s.asking(&cfg)
	}
	s.hubs, err = hubs.New(cfg)
	require.NoError(t, err)
	settings := signalr.DefaultSettings()
	settings.MessagePackNames = cmp.Or(s.names, settings.MessagePackNames)
	s.signalr, err = signalr.New(signalr.Config{Settings: settings, Authenticate: s.hubs.Authenticate, Logger: quiet})
	require.NoError(t, err)
	mux := http.NewServeMux()
	s.hubs.Mount(mux, s.signalr)
	listener := httptest.NewServer(mux)
	t.Cleanup(listener.Close)
	s.url = listener.URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.signalr.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		require.Zero(t, s.b.Stats().Members, "every connection has left its groups")
	})
	return s
}

// publish gives an event its place in the log and broadcasts it.
func (s *server) publish(g event.Group, e event.Event) event.Logged {
	s.t.Helper()
	e.ID, e.OccurredOn = uuid.New(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if e.Payload == nil {
		e.Payload = json.RawMessage(`{"orderNumber":"YZ-1","status":"Placed"}`)
	}
	l := s.log.append(g, &e)
	require.NoError(s.t, s.b.Broadcast(s.t.Context(), []event.Logged{l}))
	return l
}

// token mints a token; permissions are names of groups.
func (s *server) token(g auth.Grant) string {
	s.t.Helper()
	token, err := auth.Mint(secret, g)
	require.NoError(s.t, err)
	return token
}

// post returns the status of a request and its authentication challenge.
func (s *server) post(path, token string) (status int, challenge string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, http.NoBody)
	require.NoError(s.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	return response.StatusCode, response.Header.Get("WWW-Authenticate")
}

// connect opens a connection to the hub and shakes hands.
func (s *server) connect(path string, g auth.Grant) *client {
	s.t.Helper()
	url := strings.Replace(s.url, "http", "ws", 1) + path + "?access_token=" + s.token(g)
	conn, in, _, err := ws.Dial(s.t.Context(), url)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	if in == nil {
		in = bufio.NewReader(conn)
	}
	c := &client{t: s.t, conn: conn, in: in}
	c.send(`{"protocol":"json","version":1}`)
	require.Equal(s.t, `{}`, c.receive())
	return c
}

// client is a WebSocket client that reads only when a test calls for it.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	rest string
	id   int
	seen []invocation // invocations not yet returned by next
}

type invocation struct {
	Target    string            `json:"target"`
	Arguments []json.RawMessage `json:"arguments"`
}

type record struct {
	Type         int             `json:"type"`
	InvocationID string          `json:"invocationId"`
	Error        string          `json:"error"`
	Result       json.RawMessage `json:"result"`
	invocation
}

func (c *client) send(text string) {
	c.t.Helper()
	require.NoError(c.t, wsutil.WriteClientText(c.conn, []byte(text+"\x1e")))
}

func (c *client) receive() string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		if one, rest, ok := strings.Cut(c.rest, "\x1e"); ok {
			c.rest = rest
			return one
		}
		text, err := wsutil.ReadServerText(struct {
			io.Reader
			io.Writer
		}{c.in, c.conn})
		require.NoError(c.t, err)
		c.rest += string(text)
	}
}

// call invokes a method and returns its completion. Invocations that arrive before it are kept for next.
func (c *client) call(method string, args ...any) record {
	c.t.Helper()
	c.id++
	raw, err := json.Marshal(append([]any{}, args...))
	require.NoError(c.t, err)
	c.send(fmt.Sprintf(`{"type":1,"invocationId":"%d","target":%q,"arguments":%s}`, c.id, method, raw))
	for {
		switch r := c.record(); r.Type {
		case 1:
			c.seen = append(c.seen, r.invocation)
		case 3:
			require.Equal(c.t, strconv.Itoa(c.id), r.InvocationID)
			return r
		}
	}
}

func (c *client) record() (r record) {
	c.t.Helper()
	require.NoError(c.t, json.NewDecoder(bytes.NewBufferString(c.receive())).Decode(&r))
	return r
}

// must calls a method and fails the test on an error.
func (c *client) must(method string, args ...any) string {
	c.t.Helper()
	r := c.call(method, args...)
	require.Empty(c.t, r.Error)
	return string(r.Result)
}

// refused calls a method that must fail with this HubException.
func (c *client) refused(text, method string, args ...any) {
	c.t.Helper()
	r := c.call(method, args...)
	require.Equal(c.t, "An unexpected error occurred invoking '"+method+"' on the server. HubException: "+text, r.Error)
	require.Empty(c.t, r.Result)
}

// next returns the next invocation from the server.
func (c *client) next() invocation {
	c.t.Helper()
	for len(c.seen) == 0 {
		if r := c.record(); r.Type == 1 {
			c.seen = append(c.seen, r.invocation)
		}
	}
	first := c.seen[0]
	c.seen = c.seen[1:]
	return first
}

// sequence returns the sequence that the next invocation's last argument carries.
func (c *client) sequence() int64 {
	c.t.Helper()
	in := c.next()
	var dto struct{ Sequence int64 }
	require.NoError(c.t, json.Unmarshal(in.Arguments[len(in.Arguments)-1], &dto))
	return dto.Sequence
}
