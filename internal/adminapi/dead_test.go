package adminapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

const deadPath = "/api/admin/outbox/dead"

// morgue holds dead letters, the newest first.
type morgue struct {
	letters []outbox.DeadLetter
	retried []uuid.UUID
	mending *outbox.Mending // the last one
	by      string          // who made the last decision
	err     error
}

func (m *morgue) List(_ context.Context, before *outbox.DeadLetter, limit int) ([]outbox.DeadLetter, error) {
	rest := m.letters
	for i := range m.letters {
		if before != nil && m.letters[i].EventID == before.EventID && m.letters[i].DiedAt.Equal(before.DiedAt) {
			rest = m.letters[i+1:]
		}
	}
	return rest[:min(limit, len(rest))], m.err
}

func (m *morgue) Retry(ctx context.Context, id uuid.UUID, by string) error {
	m.retried = append(m.retried, id)
	return m.Drop(ctx, id, by)
}

func (m *morgue) Mend(_ context.Context, id uuid.UUID, mending *outbox.Mending, by string) (outbox.Mended, error) {
	if m.err != nil {
		return outbox.Mended{}, fmt.Errorf("mending event %s: %w", id, m.err)
	}
	m.mending, m.by = mending, by
	return outbox.Mended{Columns: []string{"payload", "audience"}, Fields: []string{"orderNumber"}}, nil
}

func (m *morgue) Drop(_ context.Context, id uuid.UUID, by string) error {
	m.by = by
	for i := range m.letters {
		if m.letters[i].EventID == id {
			m.letters = append(m.letters[:i:i], m.letters[i+1:]...)
			return m.err
		}
	}
	return outbox.ErrNotDead
}

func dead(n int) []outbox.DeadLetter {
	letters := make([]outbox.DeadLetter, n)
	for i := range letters {
		letters[i] = outbox.DeadLetter{
			EventID: uuid.MustParse(fmt.Sprintf("7a1d0000-0000-4000-8000-%012d", i)), State: outbox.StatusDead,
			Type:       event.OrderPlaced,
			ResourceID: uuid.MustParse(orderID), WrittenAt: now(),
			DiedAt:   now().Add(time.Hour - time.Duration(i)*time.Microsecond),
			Attempts: 10, Reason: "payload: orderNumber is missing",
		}
	}
	return letters
}

func TestDeadLettersAreListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	requireOK(t, b.get(t, deadPath), `{"deadLetters": []}`)
	b.dead.letters = dead(1)
	requireOK(t, b.get(t, deadPath), `{"deadLetters": [{
		"eventId": "7a1d0000-0000-4000-8000-000000000000", "state": "dead", "eventType": "OrderPlaced", "resourceId": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
		"writtenAt": "2026-01-20T10:30:00Z", "diedAt": "2026-01-20T11:30:00Z", "attempts": 10, "reason": "payload: orderNumber is missing"}]}`)
	b.dead.letters = dead(250)
	seen := 0
	for path, pages := deadPath, 0; ; pages++ {
		require.Less(t, pages, 3)
		var page struct {
			DeadLetters []outbox.DeadLetter
			Next        string
		}
		w := b.get(t, path)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
		for _, letter := range page.DeadLetters {
			require.Equal(t, b.dead.letters[seen].EventID, letter.EventID)
			seen++
		}
		if page.Next == "" {
			break
		}
		path = deadPath + "?before=" + url.QueryEscape(page.Next)
	}
	require.Equal(t, 250, seen)
	p := requireProblem(t, b.get(t, deadPath+"?limit=0&before=yesterday"), http.StatusBadRequest)
	require.Contains(t, p.Errors, "limit")
	require.Contains(t, p.Errors, "before")
	requireProblem(t, b.get(t, deadPath+"?limit=1001"), http.StatusBadRequest)
	b.dead.err = errors.New("no database")
	requireProblem(t, b.get(t, deadPath), http.StatusServiceUnavailable)
}

func TestDeadLettersAreRetriedAndDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.dead.letters = dead(3)
	first, second := b.dead.letters[0].EventID, b.dead.letters[1].EventID
	requireOK(t, b.serve(t, request(t, http.MethodPost, deadPath+"/"+first.String()+"/retry", "")),
		`{"message": "Dead letter is tried again", "eventId": "`+first.String()+`"}`)
	require.Equal(t, []uuid.UUID{first}, b.dead.retried)
	requireOK(t, b.serve(t, request(t, http.MethodDelete, deadPath+"/"+second.String(), "")),
		`{"message": "Dead letter dropped", "eventId": "`+second.String()+`"}`)
	require.Len(t, b.dead.letters, 1)
	requireProblem(t, b.serve(t, request(t, http.MethodDelete, deadPath+"/"+second.String(), "")), http.StatusNotFound)
	p := requireProblem(t, b.serve(t, request(t, http.MethodPost, deadPath+"/nobody/retry", "")), http.StatusBadRequest)
	require.Contains(t, p.Errors, "eventId")
	b.dead.err = errors.New("no database")
	third := b.dead.letters[0].EventID
	requireProblem(
		t, b.serve(t, request(t, http.MethodDelete, deadPath+"/"+third.String(), "")), http.StatusServiceUnavailable,
	)
}

// A page of dead letters is bounded, whatever their reasons, which contain a producer's input. Here, too, a user's
// pages are made a few at a time, and each frees its place.
func TestAPageOfDeadLettersIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.dead.letters = dead(1000)
	for i := range b.dead.letters {
		b.dead.letters[i].Reason = strings.Repeat("é", 64<<10)
		b.dead.letters[i].Type = event.Type(strings.Repeat("T", 64<<10))
	}
	for range 10 {
		w := b.get(t, deadPath+"?limit=1000")
		require.Equal(t, http.StatusOK, w.Code)
		require.Less(t, w.Body.Len(), 3<<20)
		require.Contains(t, w.Body.String(), `éé…"`)
		require.Contains(t, w.Body.String(), `TT…"`)
	}
	b.dead.err = errors.New("no database")
	for range 10 {
		requireProblem(t, b.get(t, deadPath), http.StatusServiceUnavailable)
	}
}

// A body lists an event's changes. All its errors are named before the database is asked. The audit log has the
// token's subject as the one who mends, and no payload.
//
// Acceptance: A-514.
func TestDeadLettersAreMended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := dead(1)[0].EventID.String()
	mend := func(body string) *httptest.ResponseRecorder {
		t.Helper()
		return b.serve(t, request(t, http.MethodPost, deadPath+"/"+id+"/mend", body))
	}
	requireOK(t, mend(
		`{"merge": {"orderNumber": "YZ-1", "n": 0.10}, "audience": "Restaurant", "customerId": "", "deliverAfter": "",
		"restaurantId": "f47ac10b-58cc-4372-a567-0e02b2c3d479", "occurredOnUtc": "2026-01-20T10:30:00+01:00", "resourceId": null}`),
		`{"message": "Dead letter mended", "eventId": "`+id+`", "changed": ["payload", "audience"]}`)
	m := b.dead.mending
	require.JSONEq(t, `{"orderNumber": "YZ-1", "n": 0.10}`, string(m.Merge))
	require.Equal(t, []string{"Restaurant", "", orderID}, []string{*m.Audience, *m.CustomerID, m.RestaurantID.String()})
	require.True(t, m.AtOnce)
	require.True(t, m.OccurredOn.Equal(now().Add(-time.Hour)))
	require.Nil(t, m.ResourceID)
	require.Nil(t, m.Payload)
	require.NotEmpty(t, b.dead.by)

	for body, named := range map[string][]string{
		`{}`:                             {"$"},
		`[]`:                             {"$"},
		`{"payload": null}`:              {"$"},
		`{"payload": 1, "eventType": 2}`: {"payload", "eventType"},
		`{"payload": {}, "merge": {}}`:   {"merge"},
		`{"payload": {"a": {"__proto__": 1}}, "Audience": "Both", "resourceId": "x", "occurredOnUtc": "yesterday"}`: {"payload", "Audience", "resourceId", "occurredOnUtc"},
		`{"deliverAfter": "tomorrow"}`: {"deliverAfter"},
	} {
		p := requireProblem(t, mend(body), http.StatusBadRequest)
		require.ElementsMatch(t, named, slices.Collect(maps.Keys(p.Errors)), body)
	}
	for err, status := range map[error]int{
		outbox.ErrNotKnown: http.StatusNotFound, outbox.ErrRowGone: http.StatusNotFound,
		outbox.ErrRelayed: http.StatusConflict,
		outbox.ErrWaiting: http.StatusConflict, outbox.ErrUnchanged: http.StatusConflict,
		outbox.ErrMoved: http.StatusConflict, errors.New("no database"): http.StatusServiceUnavailable,
		&outbox.RefusedError{Problem: "customer_id is missing", Hint: "Set customer_id."}: http.StatusBadRequest,
	} {
		b.dead.err = err
		p := requireProblem(t, mend(`{"audience": "Both"}`), status)
		if status == http.StatusBadRequest {
			require.Equal(t, []string{"customer_id is missing (Set customer_id.)"}, p.Errors["$"])
		}
	}
	requireProblem(
		t, b.serve(t, request(t, http.MethodPost, deadPath+"/nobody/mend", `{"audience": "Both"}`)),
		http.StatusBadRequest,
	)
}
