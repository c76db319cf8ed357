package adminapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

const tracePath = "/api/admin/outbox/events/"

// stories is a Tracer of the stories that it holds.
type stories struct {
	known map[uuid.UUID]outbox.Story
	err   error
}

func (s *stories) Story(_ context.Context, id uuid.UUID) (outbox.Story, error) {
	story, known := s.known[id]
	if !known {
		story = outbox.Story{EventID: id, Status: outbox.StatusUnknown}
	}
	return story, s.err
}

func TestEventsAreTraced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, nodeID := uuid.MustParse("7a1d0000-0000-4000-8000-000000000001"),
		uuid.MustParse("7a1d0000-0000-4000-8000-000000000002")
	three := 3
	b.stories.known = map[uuid.UUID]outbox.Story{id: {
		EventID: id, Status: outbox.StatusRelayed, TimesPublished: 2,
		Places: []outbox.Whereabouts{{
			Status: outbox.StatusRelayed, OutboxSeq: 17, WrittenAt: now(), RelayedAt: now().Add(time.Millisecond),
			RelayedBy:   nodeID,
			RelayedHost: "kitchen-1", Group: event.OrderGroup(uuid.MustParse(orderID)), Position: 40, Sequence: 2,
			TimesPublished: 2,
			Broadcasts: []outbox.Broadcast{
				{NodeID: nodeID, Host: "kitchen-1", BroadcastAt: now().Add(time.Second), Connections: &three},
				{NodeID: nodeID, Host: "kitchen-1", BroadcastAt: now().Add(time.Second)},
			},
		}},
		Duplicates: []outbox.Whereabouts{{
			Status: outbox.StatusDuplicate, OutboxSeq: 18, WrittenAt: now(), SettledAt: now(),
			Detail: "of row 17 of the outbox, at position 40",
		}},
		History: []outbox.Step{
			{At: now(), What: outbox.StepDied, Attempts: 10, Detail: "why"},
			{At: now(), What: outbox.StepMended, By: "anna", Detail: "payload"},
		},
	}}
	requireOK(t, b.get(t, tracePath+id.String()), `{
		"eventId": "7a1d0000-0000-4000-8000-000000000001", "status": "relayed", "timesPublished": 2,
		"places": [{
			"status": "relayed", "outboxSeq": 17, "writtenAt": "2026-01-20T10:30:00Z", "relayedAt": "2026-01-20T10:30:00.001Z",
			"relayedBy": "7a1d0000-0000-4000-8000-000000000002", "relayedHost": "kitchen-1",
			"group": "order:f47ac10b-58cc-4372-a567-0e02b2c3d479", "position": 40, "sequence": 2,
			"broadcasts": [
				{"nodeId": "7a1d0000-0000-4000-8000-000000000002", "host": "kitchen-1", "broadcastAt": "2026-01-20T10:30:01Z", "connections": 3},
				{"nodeId": "7a1d0000-0000-4000-8000-000000000002", "host": "kitchen-1", "broadcastAt": "2026-01-20T10:30:01Z", "connections": null}]}],
		"duplicates": [{
			"status": "duplicate", "outboxSeq": 18, "writtenAt": "2026-01-20T10:30:00Z", "settledAt": "2026-01-20T10:30:00Z",
			"detail": "of row 17 of the outbox, at position 40"}],
		"history": [
			{"at": "2026-01-20T10:30:00Z", "what": "died", "attempts": 10, "detail": "why"},
			{"at": "2026-01-20T10:30:00Z", "what": "mended", "by": "anna", "detail": "payload"}]}`)

	p := requireProblem(t, b.get(t, tracePath+uuid.NewString()), http.StatusNotFound)
	require.Contains(t, p.Detail, "older than the retention")
	require.Contains(t, p.Detail, outbox.UnknownAdvice)
	p = requireProblem(t, b.get(t, tracePath+"nobody"), http.StatusBadRequest)
	require.Contains(t, p.Errors, "eventId")
	b.stories.err = errors.New("no database")
	requireProblem(t, b.get(t, tracePath+id.String()), http.StatusServiceUnavailable)

	r := request(t, http.MethodGet, tracePath+id.String(), "")
	r.Header.Set("Authorization", "Bearer "+token(t, auth.Grant{Subject: "alice"}))
	requireProblem(t, b.serve(t, r), http.StatusForbidden)
	r.Header.Del("Authorization")
	requireProblem(t, b.serve(t, r), http.StatusUnauthorized)
}
