package adminapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/policy"
)

const (
	secret  = "a development secret of more than 32 bytes"
	prefix  = "/api/admin/realtime/"
	orderID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
)

func now() time.Time { return time.Date(2026, 1, 20, 10, 30, 0, 0, time.UTC) }

// outboxRecorder is an outbox in memory. Like the relay, it takes the events that the event vocabulary can deliver.
type outboxRecorder struct {
	mu     sync.Mutex
	events []event.Logged
	stats  *outbox.PlatformStats
	err    error
}

func (o *outboxRecorder) PublishAdmin(
	_ context.Context, eventType event.Type, payload json.RawMessage, id uuid.UUID,
) (uuid.UUID, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return uuid.Nil, o.err
	}
	if id == uuid.Nil {
		id = uuid.New()
	}
	e := &event.Event{ID: id, Type: eventType, Payload: payload, OccurredOn: now()}
	groups, err := e.Groups()
	if err != nil {
		return uuid.Nil, err
	}
	sequence := int64(len(o.events) + 1)
	o.events = append(o.events, event.Logged{Event: e, Group: groups[0], Position: sequence, Sequence: sequence})
	return id, nil
}

func (o *outboxRecorder) PlatformStats(context.Context) (outbox.PlatformStats, time.Time, bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil || o.stats == nil {
		return outbox.PlatformStats{}, time.Time{}, false, o.err
	}
	return *o.stats, now(), true, nil
}

func (o *outboxRecorder) all() []event.Logged {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.events
}

// seedStats are the statistics of the published document's example.
func seedStats() *outbox.PlatformStats {
	n := func(s string) json.RawMessage { return json.RawMessage(s) }
	return &outbox.PlatformStats{
		TotalUsers: n("5432"), ActiveUsers: n("234"), NewUsersToday: n("12"), WebsitesGenerated: n("1203"),
		ImagesGenerated: n("3847"), FailedGenerations: n("5"), TotalRevenue: n("98765.43"), RevenueToday: n("1234.56"),
		SetAt: now().Add(-time.Minute),
	}
}

// noGrants is a database without grants.
type noGrants struct{}

func (noGrants) QueryRow(context.Context, string, ...any) pgx.Row { return noGrants{} }
func (noGrants) Scan(...any) error                                { return nil }

// replays gives every replay the same answer, and remembers the parameters.
type replays struct {
	status string
	last   uuid.UUID
	events []event.Logged
	err    error

	group event.Group
	after *uuid.UUID
	limit int
}

func (p *replays) Replay(
	_ context.Context, g event.Group, after *uuid.UUID, limit int,
) (string, uuid.UUID, []event.Logged, error) {
	p.group, p.after, p.limit = g, after, limit
	return p.status, p.last, p.events, p.err
}

// bundle is an API with all its dependencies. A test changes cfg before the first request.
type bundle struct {
	cfg    adminapi.Config
	outbox *outboxRecorder
	replay *replays
	dead   *morgue
	log    *bytes.Buffer

	stories *stories
	fleet   *fleet

	handler http.Handler
}

func setup(tb testing.TB) *bundle {
	tb.Helper()
	b := &bundle{
		outbox: &outboxRecorder{stats: seedStats()},
		replay: &replays{status: adminapi.Resumed},
		dead:   &morgue{},
		log:    &bytes.Buffer{},

		stories: &stories{},
		fleet:   newFleet(),
	}
	logger := slog.New(slog.NewTextHandler(b.log, nil))
	verifier, err := auth.NewVerifier(tb.Context(), auth.Config{Secret: secret, Now: now})
	require.NoError(tb, err)
	checker, err := policy.New(policy.Config{Now: now, Logger: logger}, noGrants{})
	require.NoError(tb, err)
	b.cfg = adminapi.Config{
		Authenticator: verifier, Authorizer: checker, Publisher: b.outbox, Replayer: b.replay, DeadLetters: b.dead,
		Tracer:      b.stories,
		Connections: b.fleet, Fleet: b.fleet,
		TeamCart: true, Logger: logger, Now: now,
	}
	return b
}

// serve answers the request, and checks the answer against the OpenAPI document.
func (b *bundle) serve(t *testing.T, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	if b.handler == nil {
		api, err := adminapi.New(b.cfg)
		require.NoError(t, err)
		b.handler = api.Handler()
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	requireDocumented(t, r, w)
	return w
}

func token(t *testing.T, g auth.Grant) string {
	t.Helper()
	g.Now = now()
	signed, err := auth.Mint(secret, g)
	require.NoError(t, err)
	return signed
}

func adminToken(t *testing.T) string {
	t.Helper()
	return token(t, auth.Grant{Subject: "admin-1", Roles: []string{"Admin"}})
}

func request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+adminToken(t))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (b *bundle) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	return b.serve(t, request(t, http.MethodGet, path, ""))
}

func (b *bundle) post(t *testing.T, endpoint, body string) *httptest.ResponseRecorder {
	t.Helper()
	return b.serve(t, request(t, http.MethodPost, prefix+endpoint, body))
}

type problem struct {
	Type   string
	Title  string
	Status int
	Detail string
	Errors map[string][]string
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int) problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var p problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Title)
	require.Contains(t, p.Type, "https://tools.ietf.org/html/rfc")
	if len(p.Errors) == 0 {
		require.NotEmpty(t, p.Detail)
	}
	return p
}

func requireOK(t *testing.T, w *httptest.ResponseRecorder, want string) {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.JSONEq(t, want, w.Body.String())
}
