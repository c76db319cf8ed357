package hubclient_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/signalr"
)

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

// hub is one group on a real server: a log in memory that a connection resumes from. It outlives its servers.
type hub struct {
	mu       sync.Mutex
	group    event.Group
	first    int64 // the oldest sequence that is retained
	log      []event.Logged
	members  map[*signalr.Conn]bool
	refusal  error
	autoJoin bool  // join on connect, as with the admins group
	resumes  int   // answered
	skip     int64 // a sequence that is never sent
	tokens   map[string]time.Time
	status   int // an HTTP status for every request

	address string
	current *node
}

type user struct {
	id      string
	expires time.Time
}

func (u user) ID() string           { return u.id }
func (u user) ExpiresAt() time.Time { return u.expires }

func newHub(t *testing.T, group event.Group) *hub {
	t.Helper()
	h := &hub{
		group: group, first: 1, members: make(map[*signalr.Conn]bool), address: "127.0.0.1:0",
		tokens: map[string]time.Time{"token": {}},
	}
	h.start(t)
	t.Cleanup(func() { h.kill() })
	return h
}

func (h *hub) config() hubclient.Config {
	return hubclient.Config{
		URL:     "http://" + h.address,
		Token:   func(context.Context) (string, error) { return "token", nil },
		Backoff: []time.Duration{0, 10 * time.Millisecond},
		Logger:  slog.New(slog.DiscardHandler),
	}
}

// start starts a server at the last server's address.
func (h *hub) start(t *testing.T) {
	t.Helper()
	cfg := signalr.Config{
		Settings: signalr.DefaultSettings(), Logger: slog.New(slog.DiscardHandler), Authenticate: h.authenticate,
	}
	cfg.QueueBytes = 64 << 20
	server, err := signalr.New(cfg)
	require.NoError(t, err)
	handler := server.Handler(h.methods())
	mux := http.NewServeMux()
	for _, path := range []string{event.CustomerOrdersPath, event.TeamCartPath, event.AdminPath} {
		mux.Handle(path, handler)
		mux.Handle(path+"/negotiate", handler)
	}
	h.current = startNode(t, h.address, server, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		status := h.status
		h.mu.Unlock()
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	h.address = h.current.address
}

func (h *hub) kill() { h.current.kill() }

func (h *hub) authenticate(r *http.Request) (signalr.User, error) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	h.mu.Lock()
	defer h.mu.Unlock()
	expires, ok := h.tokens[token]
	if !ok || !expires.IsZero() && time.Now().After(expires) {
		return nil, errors.New("no such token")
	}
	return user{token, expires}, nil
}

func (h *hub) methods() *signalr.Hub {
	s := signalr.NewHub("test")
	s.OnConnected(func(_ context.Context, c *signalr.Conn) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.autoJoin {
			h.members[c] = true
		}
		return c.Send(signalr.NewMessage("ConnectionEstablished", nil))
	})
	s.OnDisconnected(func(c *signalr.Conn, _ error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.members, c)
	})
	signalr.Method2(
		s,
		"ResumeOrder",
		func(_ context.Context, call *signalr.Call, _ uuid.UUID, last *uuid.UUID) (any, error) {
			return nil, h.resume(call, last)
		},
	)
	signalr.Method3(
		s,
		"ResumeCart",
		func(_ context.Context, call *signalr.Call, _ uuid.UUID, last *uuid.UUID, withCursor bool) (any, error) {
			if !withCursor {
				return nil, errors.New("a follower cannot do without the cursor")
			}
			return nil, h.resume(call, last)
		},
	)
	for _, name := range []string{"ResumeAdmins", "ResumeAlerts"} {
		signalr.Method1(s, name, func(_ context.Context, call *signalr.Call, last *uuid.UUID) (any, error) {
			return nil, h.resume(call, last)
		})
	}
	registerMethods(s)
	return s
}

// resume joins and replays in one step, as the contract says.
func (h *hub) resume(call *signalr.Call, last *uuid.UUID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.resumes++
	if h.refusal != nil {
		return h.refusal
	}
	result := hubclient.Result{Status: hubclient.Resumed}
	if n := len(h.log); n > 0 {
		result.LastEventID, result.Sequence = h.log[n-1].ID, h.log[n-1].Sequence
	}
	from := h.replayFrom(last, &result)
	for _, e := range h.log[from:] {
		if e.Sequence >= h.first {
			h.send(call.Conn, e)
			result.Replayed++
		}
	}
	h.members[call.Conn] = true
	call.Complete(result)
	return nil
}

func (h *hub) replayFrom(last *uuid.UUID, result *hubclient.Result) int {
	switch {
	case last == nil:
		return len(h.log)
	case *last == uuid.Nil:
		return 0
	}
	for i, e := range h.log {
		if e.ID == *last && e.Sequence >= h.first {
			return i + 1
		}
	}
	result.Status = hubclient.Gap
	return len(h.log)
}

// publish appends n events of type kind and sends them to the members.
func (h *hub) publish(kind event.Type, n int) {
	for range n {
		h.mu.Lock()
		e := h.next(kind)
		h.log = append(h.log, e)
		for c := range h.members {
			h.send(c, e)
		}
		h.mu.Unlock()
	}
}

func (h *hub) next(kind event.Type) event.Logged {
	n := int64(len(h.log) + 1)
	e := &event.Event{
		ID: uuid.Must(uuid.NewV7()), Type: kind, OccurredOn: time.Date(2026, 1, 1, 0, 0, 0, int(n)*1000, time.UTC),
	}
	switch kind.Family() {
	case event.Order:
		e.Payload = fmt.Appendf(nil, `{"orderNumber":"YZ-%d","status":"Preparing"}`, n)
	case event.Admin:
		e.Payload = fmt.Appendf(nil, `{"type":"system-event","eventType":"test","description":"%d"}`, n)
	default:
		e.Payload = []byte(`{"userId":"u","status":"Paid","orderId":"f47ac10b-58cc-4372-a567-0e02b2c3d479"}`)
	}
	if kind == event.SystemAlert {
		e.Payload = []byte(`{"type":"info","message":"m"}`)
	}
	return event.Logged{Event: e, Group: h.group, Position: n, Sequence: n}
}

func (h *hub) send(c *signalr.Conn, e event.Logged) {
	if e.Sequence == h.skip {
		return
	}
	i, err := e.Invocation(event.WithCursor)
	if err != nil {
		panic(err)
	}
	_ = c.Send(signalr.NewMessage(i.Method, i.Arguments))
}

func (h *hub) do(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}
