package adminapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/settings"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// live is the API over a real outbox and log.
type live struct {
	*bundle

	pool  *pgxpool.Pool
	relay *relay.Relay
}

func setupLive(tb testing.TB) *live {
	tb.Helper()
	pool := pgtest.New(tb).Pool(tb)
	b := setup(tb)
	b.cfg.Publisher = outbox.NewPublisher(pool)
	b.cfg.Replayer = adminapi.NewPager(eventlog.NewReader(pool), settings.Defaults[broadcast.Settings]().ReplayLimit)
	r, err := relay.New(relay.Config{
		NodeID:   uuid.New(),
		Connect:  func(ctx context.Context) (*pgx.Conn, error) { return postgres.Connect(ctx, pool.Config().ConnConfig) },
		SetAside: nothingSetAside{},
		Relayed:  func(int64, []event.Logged) {},
	})
	require.NoError(tb, err)
	return &live{bundle: b, pool: pool, relay: r}
}

// nothingSetAside fails if an event is not relayed at once: this API's events always are.
type nothingSetAside struct{}

func (nothingSetAside) DeliverLater(context.Context, pgx.Tx, []*outbox.Row) error {
	return errors.New("set aside for later")
}

func (nothingSetAside) Retry(_ context.Context, _ pgx.Tx, _ []*outbox.Row, reasons []error) error {
	return errors.Join(reasons...)
}

// sweep relays the published events, and returns their number.
func (l *live) sweep(t *testing.T) int {
	t.Helper()
	conn, err := l.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	n, err := l.relay.Sweep(t.Context(), conn.Conn())
	require.NoError(t, err)
	return n
}

type livePage struct {
	Status      string
	LastEventID uuid.UUID
	Events      []struct {
		EventID   uuid.UUID
		Sequence  int64
		Method    string
		Arguments []map[string]any
	}
}

func (l *live) poll(t *testing.T, query string) livePage {
	t.Helper()
	w := l.get(t, events+"?hub=admin&"+query)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var p livePage
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	return p
}

func eventID(t *testing.T, w *httptest.ResponseRecorder) uuid.UUID {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var answer struct{ EventID uuid.UUID }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.EventID
}

// Acceptance: A-350.
func TestPublishedEventsArriveAtAPoller(t *testing.T) {
	t.Parallel()
	l := setupLive(t)
	require.Equal(
		t, livePage{Status: adminapi.Resumed, Events: l.poll(t, "resource=alerts").Events}, l.poll(t, "resource=alerts"),
	)

	var ids []uuid.UUID
	for i := range 5 {
		ids = append(ids, eventID(t, l.post(t, "alert/error", fmt.Sprintf(`{"message":"number %d"}`, i))))
	}
	require.Equal(t, 5, l.sweep(t))

	var seen []uuid.UUID
	for cursor := uuid.Nil; ; {
		page := l.poll(t, "resource=alerts&limit=2&after="+cursor.String())
		require.Equal(t, adminapi.Resumed, page.Status)
		if len(page.Events) == 0 {
			require.Equal(t, cursor, page.LastEventID)
			break
		}
		for _, e := range page.Events {
			require.Equal(t, "SystemAlert", e.Method)
			require.Equal(t, fmt.Sprintf("number %d", len(seen)), e.Arguments[0]["message"])
			seen = append(seen, e.EventID)
			require.EqualValues(t, len(seen), e.Sequence)
		}
		cursor = page.LastEventID
	}
	require.Equal(t, ids, seen)

	require.Equal(t, ids[4], l.poll(t, "resource=alerts").LastEventID, "without a cursor: from now on")
	require.Equal(t, adminapi.Gap, l.poll(t, "resource=alerts&after="+uuid.NewString()).Status)
	require.Equal(t, adminapi.Gap, l.poll(t, "resource=analytics&after="+ids[0].String()).Status, "another group's event")
}

// Acceptance: A-352.
func TestRepeatedIdempotencyKeyIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	l := setupLive(t)
	key := uuid.New()
	for range 3 {
		r := request(t, http.MethodPost, prefix+"alert/error", `{"message":"once"}`)
		r.Header.Set("Idempotency-Key", key.String())
		require.Equal(t, key, eventID(t, l.serve(t, r)))
	}
	l.sweep(t)
	page := l.poll(t, "resource=alerts&after="+uuid.Nil.String())
	require.Len(t, page.Events, 1)
	require.Equal(t, key, page.Events[0].EventID)
}

// Acceptance.
func TestStatisticsAsTheyWereSet(t *testing.T) {
	t.Parallel()
	l := setupLive(t)
	requireProblem(t, l.get(t, prefix+"platform-snapshot"), http.StatusServiceUnavailable)

	_, err := l.pool.Exec(
		t.Context(), `SELECT herald.set_platform_stats('{"totalUsers":5432,"activeUsers":234,"totalRevenue":98765.40}')`,
	)
	require.NoError(t, err)
	_, err = l.pool.Exec(t.Context(), "UPDATE herald.platform_stats SET set_at = '2026-01-20 10:29:00.5+00'")
	require.NoError(t, err)
	requireOK(t, l.get(t, prefix+"platform-snapshot"), `{"timestamp":"2026-01-20T10:30:00Z","data":{"totalUsers":5432,
		"activeUsers":234,"newUsersToday":null,"websitesGenerated":null,"imagesGenerated":null,"failedGenerations":null,
		"totalRevenue":98765.40,"revenueToday":null,"setAt":"2026-01-20T10:29:00.5Z"}}`)
	requireProblem(t, l.post(t, "broadcast/user-count", ""), http.StatusServiceUnavailable)

	_, err = l.pool.Exec(t.Context(), `SELECT herald.set_platform_stats('{"newUsersToday":12}')`)
	require.NoError(t, err)
	w := l.post(t, "broadcast/user-count", "")
	requireOK(t, w, fmt.Sprintf(
		`{"message":"User count update broadcasted","totalUsers":5432,"activeUsers":234,"newUsersToday":12,
		"eventId":%q}`, eventID(t, w)))
	require.Equal(t, 1, l.sweep(t))
	require.Equal(t, "UserCountUpdate", l.poll(t, "resource=analytics&after="+uuid.Nil.String()).Events[0].Method)
}

// Postgres keeps every value that the checks admit. A body that exceeds the outbox's limit only as jsonb is reported
// as the sender's error.
func TestEdgesOfWhatPostgresKeeps(t *testing.T) {
	t.Parallel()
	l := setupLive(t)
	for name, body := range map[string]string{
		"an unpaired surrogate":   `{"type":"info","message":"\ud800 \udc00","data":{"\ud800":"\udbff"}}`,
		"bytes that are no UTF-8": "{\"type\":\"info\",\"message\":\"\xff\xfe\",\"data\":{\"\xc3\":\"\xed\xa0\x80\"}}",
		"numbers at the edge":     `{"type":"info","message":"m","data":{"a":[1e308,-1.7976931348623157e308,5e-324,-0,0e999]}}`,
		"deep": `{"type":"info","message":"m","data":{"a":` +
			strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}}`,
		"a name twice":       `{"type":"info","message":"m","data":{"a":1,"a":2}}`,
		"control characters": `{"type":"info","message":"\u0001\u001f\u007f\u2028","data":null}`,
	} {
		require.Equal(t, http.StatusOK, l.post(t, "alert", body).Code, name)
	}
	require.Equal(t, 6, l.sweep(t))

	p := requireProblem(
		t, l.post(t, "alert", `{"type":"info","message":"m","data":{"a":[`+strings.Repeat("1,", 30000)+`1]}}`),
		http.StatusBadRequest)
	require.Contains(t, p.Errors["$"][0], "at most 65536 (64 KiB)")
	p = requireProblem(
		t, l.post(t, "alert", `{"type":"info","message":"m","data":{"a":[`+strings.Repeat("1e308,", 300)+`1]}}`),
		http.StatusBadRequest)
	require.Contains(t, p.Errors["$"][0], "payload has")
}
