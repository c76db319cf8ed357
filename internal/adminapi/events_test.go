package adminapi_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

const events = "/api/realtime/events"

// owner is the token of a user who follows one order, one restaurant and one team cart.
func owner(t *testing.T) string {
	t.Helper()
	return token(t, auth.Grant{Subject: "user-1", Permissions: []string{
		"OrderOwner:" + orderID, "RestaurantStaff:" + orderID, "TeamCartHost:" + orderID,
	}})
}

func (b *bundle) getAs(t *testing.T, token, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return b.serve(t, r)
}

// Acceptance: A-367.
func TestEventsPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	order, restaurant := uuid.MustParse(orderID), uuid.MustParse("f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e")
	first, second := uuid.MustParse("0197a1b2-0000-7000-8000-000000000001"),
		uuid.MustParse("0197a1b2-0000-7000-8000-000000000002")
	b.replay.events = []event.Logged{
		{
			Event: &event.Event{
				ID: first, Type: event.OrderStatusChanged, ResourceID: order, RestaurantID: restaurant, OccurredOn: now(),
				Payload: []byte(`{"orderNumber":"YZ-1024","status":"Preparing"}`),
			},
			Group: event.OrderGroup(order), Position: 70, Sequence: 7,
		},
		{
			Event: &event.Event{
				ID: second, Type: event.CartLocked, ResourceID: order, OccurredOn: now(), Payload: []byte(`{}`),
			},
			Group: event.OrderGroup(order), Position: 71, Sequence: 8,
		},
	}
	b.replay.last = second

	w := b.getAs(
		t, owner(t), events+"?hub=customer-orders&resource="+strings.ToUpper(orderID)+"&after="+first.String()+"&limit=2",
	)
	requireOK(t, w, fmt.Sprintf(`{"status":"resumed","lastEventId":%q,"events":[
		{"eventId":%q,"sequence":7,"method":"ReceiveOrderStatusChanged","occurredOnUtc":"2026-01-20T10:30:00Z","arguments":[
			{"orderId":%q,"orderNumber":"YZ-1024","status":"Preparing","restaurantId":%q,
			 "lastUpdateTimestamp":"2026-01-20T10:30:00Z","estimatedDeliveryTime":null,"actualDeliveryTime":null,
			 "deliveredAt":null,"occurredOnUtc":"2026-01-20T10:30:00Z","eventId":%q,"sequence":7}]},
		{"eventId":%q,"sequence":8,"method":"ReceiveLocked","occurredOnUtc":"2026-01-20T10:30:00Z","arguments":[]}]}`,
		second, first, orderID, restaurant, first, second))
	require.Equal(t, event.OrderGroup(order), b.replay.group)
	require.Equal(t, &first, b.replay.after)
	require.Equal(t, 2, b.replay.limit)
}

// Acceptance.
func TestEventsQuery(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse(orderID)
	beginning, some := uuid.Nil, uuid.MustParse("0197a1b2-0000-7000-8000-000000000001")
	for query, want := range map[string]struct {
		group event.Group
		after *uuid.UUID
		limit int
	}{
		"hub=customer-orders&resource=" + orderID:               {event.OrderGroup(id), nil, 100},
		"hub=restaurant-orders&resource=" + orderID + "&after=": {event.RestaurantGroup(id), nil, 100},
		"hub=teamcart&resource=" + orderID + "&after=" + uuid.Nil.String(): {
			event.TeamCartGroup(id), &beginning, 100,
		},
		"hub=customer-orders&limit=1&resource=" + orderID + "&after=" + some.String(): {event.OrderGroup(id), &some, 1},
		"hub=customer-orders&limit=1000&resource=" + orderID:                          {event.OrderGroup(id), nil, 1000},
		"hub=customer-orders&limit=1001&resource=" + orderID:                          {event.OrderGroup(id), nil, 1000},
	} {
		b := setup(t)
		requireOK(
			t, b.getAs(t, owner(t), events+"?"+query),
			`{"status":"resumed","lastEventId":"00000000-0000-0000-0000-000000000000","events":[]}`,
		)
		require.Equal(t, want.group, b.replay.group, query)
		require.Equal(t, want.after, b.replay.after, query)
		require.Equal(t, want.limit, b.replay.limit, query)
	}
	for _, group := range []event.Group{event.Admins, event.UserActivity, event.Analytics, event.Alerts} {
		b := setup(t)
		require.Equal(t, http.StatusOK, b.get(t, events+"?hub=admin&resource="+group.String()).Code)
		require.Equal(t, group, b.replay.group)
	}
}

func TestEventsGap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.replay.status, b.replay.last = adminapi.Gap, uuid.MustParse("0197a1b2-0000-7000-8000-000000000009")
	requireOK(t, b.getAs(t, owner(t), events+"?hub=customer-orders&resource="+orderID+"&after="+uuid.NewString()),
		`{"status":"gap","lastEventId":"0197a1b2-0000-7000-8000-000000000009","events":[]}`)
}

// Acceptance: A-373.
func TestEventsBadQuery(t *testing.T) {
	t.Parallel()
	for query, fields := range map[string][]string{
		"":                              {"hub", "resource"},
		"hub=nothing&resource=x":        {"hub"},
		"hub=Customer-Orders&resource=": {"hub", "resource"},
		"hub=customer-orders":           {"resource"},
		"hub=customer-orders&resource=x&after=y&limit=z":                     {"resource", "after", "limit"},
		"hub=customer-orders&resource=%7B" + orderID + "%7D":                 {"resource"},
		"hub=customer-orders&limit=0&resource=" + orderID:                    {"limit"},
		"hub=customer-orders&limit=-1&resource=" + orderID:                   {"limit"},
		"hub=customer-orders&limit=99999999999999999999&resource=" + orderID: {"limit"},
		"hub=admin":                        {"resource"},
		"hub=admin&resource=order:x":       {"resource"},
		"hub=admin&resource=User-Activity": {"resource"},
	} {
		b := setup(t)
		p := requireProblem(t, b.get(t, events+"?"+query), http.StatusBadRequest)
		require.ElementsMatch(t, fields, slices.Collect(maps.Keys(p.Errors)), query)
	}
	b := setup(t)
	requireProblem(t, b.get(t, events+"?hub=%zz"), http.StatusBadRequest)
}

// Acceptance: A-368.
func TestEventsAuthorisation(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		token, query string
		status       int
	}{
		"no token":              {"", "hub=customer-orders&resource=" + orderID, http.StatusUnauthorized},
		"somebody else's order": {owner(t), "hub=customer-orders&resource=" + uuid.NewString(), http.StatusForbidden},
		"the admin hub":         {owner(t), "hub=admin&resource=alerts", http.StatusForbidden},
		"an admin's curiosity":  {adminToken(t), "hub=customer-orders&resource=" + orderID, http.StatusForbidden},
	} {
		b := setup(t)
		requireProblem(t, b.getAs(t, test.token, events+"?"+test.query), test.status)
		require.Empty(t, b.replay.group, name)
	}
}

// Acceptance: A-374.
func TestEventsOfASwitchedOffHub(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.TeamCart = false
	requireProblem(t, b.getAs(t, owner(t), events+"?hub=teamcart&resource="+orderID), http.StatusNotFound)
}

func TestEventsFailures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.replay.err = errors.New("dial tcp 10.0.0.7:5432: refused")
	w := b.getAs(t, owner(t), events+"?hub=customer-orders&resource="+orderID)
	requireProblem(t, w, http.StatusServiceUnavailable)
	require.NotContains(t, w.Body.String(), "10.0.0.7")

	// An event that another release has logged and clients cannot read is skipped: the cursor is behind it.
	b = setup(t)
	b.replay.events = alerts(3, 10)
	b.replay.last = b.replay.events[2].ID
	b.replay.events[1].Payload = []byte(`{"type": "info", "message": "m", "data": {"__proto__": 1}}`)
	page, _ := getPage(t, b)
	require.Len(t, page.Events, 2)
	b.replay.events[2].Payload = b.replay.events[1].Payload
	page, _ = getPage(t, b)
	require.Len(t, page.Events, 1)
	require.Equal(t, b.replay.last, page.LastEventID)
	require.Contains(t, b.log.String(), "event passed over")

	b = setup(t)
	b.replay.events = []event.Logged{{Event: &event.Event{Type: "FromTheFuture"}, Sequence: 1}}
	requireProblem(
		t, b.getAs(t, owner(t), events+"?hub=customer-orders&resource="+orderID), http.StatusInternalServerError,
	)
}
