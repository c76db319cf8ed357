package adminapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/event"
)

// posts are the document's POST operations, except those whose body makes no event.
func posts() []operation {
	return slices.DeleteFunc(ofTheAPI(), func(o operation) bool {
		return o.method != http.MethodPost || o.body() != nil && !o.publishes()
	})
}

// FuzzConnections: any body leads to a disconnection that the document allows, or to a problem that disconnects no
// client.
func FuzzConnections(f *testing.F) {
	f.Add(`{"user":"bob"}`)
	f.Add(`{"group":"order:f47ac10b-58cc-4372-a567-0e02b2c3d479","reconnect":true}`)
	f.Add(`{"user":"bob","groop":"alerts"}`)
	f.Add(`{"user":"bob","user":""}`)
	f.Add(`{"connectionId":"\u0000"}`)
	f.Fuzz(func(t *testing.T, body string) {
		b := setup(t)
		r := request(t, http.MethodPost, prefix+"connections/disconnect", body)
		r.Header.Set("Content-Type", "application/json")
		w := b.serve(t, r)
		if w.Code != http.StatusOK {
			requireProblem(t, w, http.StatusBadRequest)
			require.Empty(t, b.fleet.disconnected)
			return
		}
		require.Empty(
			t,
			documented().check(documented().component("#/components/schemas/Disconnection"), decode(t, []byte(body)), "$"),
		)
		require.NotContains(t, b.fleet.disconnected, adminapi.ConnectionFilter{})
	})
}

// addBodies seeds the fuzzer with the document's bodies and with difficult values.
func addBodies(f *testing.F) {
	f.Helper()
	for i, o := range posts() {
		add := func(body string) { f.Add(uint(i), "", body) }
		add("")
		f.Add(uint(i), "\r\nX-Injected: 1", `{"message":"m"}`)
		if o.body() == nil {
			add(`{"ignored":[1e400,"\u0000"]}`)
			continue
		}
		for _, example := range o.body().Examples {
			raw, err := json.Marshal(example.Value)
			require.NoError(f, err)
			body := string(raw)
			f.Add(uint(i), knownID().String(), body)
			for _, difficult := range []string{
				`\ud800`, `\u0000`, "\xff\xed\xa0\x80", `'; DROP TABLE herald.outbox; --`, `a","message":"b`,
			} {
				add(strings.Replace(body, `":"`, `":"`+difficult, 1))
			}
			add(body[:len(body)-1] + `,"data":{"a":0e9999999999}}`)
			add(body[:len(body)-1] + `,"data":{"a":[1e308,-0,0.1e-7,{"b":` +
				strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}]}}`)
		}
	}
}

// fuzzed makes the request. A request that the document does not allow is not answered with 200, and no request with
// 5xx.
func (b *bundle) fuzzed(t *testing.T, endpoint uint, key, body string) *httptest.ResponseRecorder {
	t.Helper()
	o := posts()[endpoint%uint(len(posts()))]
	r := request(t, o.method, strings.ReplaceAll(o.path, "{eventId}", knownID().String()), body)
	if key != "" {
		r.Header["Idempotency-Key"] = []string{key}
	}
	w := b.serve(t, r)
	require.Empty(t, w.Header().Values("X-Injected"))
	if w.Code != http.StatusOK {
		require.Contains(t, []int{
			http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		}, w.Code, w.Body)
		requireProblem(t, w, w.Code)
		return w
	}
	if key != "" {
		require.Equal(t, strings.ToLower(strings.Trim(key, `"`)), eventID(t, w).String())
	}
	if o.body() != nil {
		require.Empty(t, documented().check(o.body().Schema, decode(t, []byte(body)), "$"))
	}
	return w
}

// FuzzBodies: any body leads to 200 with exactly one deliverable event in the outbox, or to a problem with none.
func FuzzBodies(f *testing.F) {
	addBodies(f)
	f.Fuzz(func(t *testing.T, endpoint uint, key, body string) {
		b := setup(t)
		w := b.fuzzed(t, endpoint, key, body)
		published := b.outbox.all()
		if w.Code != http.StatusOK {
			require.Empty(t, published)
			return
		}
		require.Len(t, published, 1)
		requireDeliverable(t, published[0], w)
	})
}

// FuzzBodiesIntoPostgres is FuzzBodies with the real outbox, which has its own rules.
func FuzzBodiesIntoPostgres(f *testing.F) {
	addBodies(f)
	l := setupLive(f)
	l.cfg.Rate = adminapi.NoLimit
	_, err := l.pool.Exec(
		f.Context(), `SELECT herald.set_platform_stats('{"totalUsers":1,"activeUsers":1,"newUsersToday":1,
		"websitesGenerated":1,"imagesGenerated":1,"totalRevenue":1}')`)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, endpoint uint, key, body string) {
		w := l.fuzzed(t, endpoint, key, body)
		published := l.taken(t)
		if w.Code != http.StatusOK {
			require.Empty(t, published)
			return
		}
		require.Len(t, published, 1)
		requireDeliverable(t, published[0], w)
	})
}

// taken returns the outbox's events, and empties it.
func (l *live) taken(t *testing.T) []event.Logged {
	t.Helper()
	rows, err := l.pool.Query(
		context.WithoutCancel(t.Context()),
		`DELETE FROM herald.outbox RETURNING event_id, event_type, payload, occurred_on_utc`,
	)
	require.NoError(t, err)
	published, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (event.Logged, error) {
		e := &event.Event{}
		err := row.Scan(&e.ID, &e.Type, &e.Payload, &e.OccurredOn)
		return event.Logged{Event: e, Sequence: 1}, err
	})
	require.NoError(t, err)
	return published
}

// requireDeliverable requires that the event is the answered one, and that it can be sent to its group.
func requireDeliverable(t *testing.T, published event.Logged, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, published.ID, eventID(t, w))
	groups, err := published.Groups()
	require.NoError(t, err)
	require.Len(t, groups, 1)
	invocation, err := published.Invocation(event.Plain)
	require.NoError(t, err)
	require.Len(t, invocation.Arguments, 1)
	require.True(t, json.Valid(invocation.Arguments[0]))
	require.NotContains(t, string(published.Payload), `\u0000`)
}
