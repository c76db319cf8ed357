package event_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/event"
)

// Acceptance.
func TestSeverity(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"type": "info"}`:    "low",
		`{"type": "success"}`: "low",
		`{"type": "warning"}`: "medium",
		`{"type": "error"}`:   "high",
		`{"type": "info", "data": {"severity": "critical"}}`:        "critical",
		`{"type": "error", "data": {"severity": "low", "a": 1}}`:    "low",
		`{"type": "error", "data": {"severity": ""}}`:               "high",
		`{"type": "warning", "data": {"severity": null}}`:           "medium",
		`{"type": "warning", "data": {"severity": 3}}`:              "medium",
		`{"type": "warning", "data": null}`:                         "medium",
		`{"type": "warning", "data": "severity"}`:                   "medium",
		`{"type": "warning", "data": [{"severity": "high"}]}`:       "medium",
		`{"type": "error", "severity": "low"}`:                      "high", // the contract names data.severity
		`{"type": "info", "data": {"nested": {"severity": "x"}}}`:   "low",
		`{"type": "info", "data": {"severity": "  with spaces  "}}`: "  with spaces  ",
	} {
		require.Equal(t, want, object(t, invoke(t, adminEvent(event.SystemAlert, payload), event.Plain))["severity"], payload)
	}
}

// Acceptance,
//
func TestGroups(t *testing.T) {
	t.Parallel()
	orders, restaurants := event.OrderGroup(orderID), event.RestaurantGroup(restaurantID)
	for audience, want := range map[event.Audience][]event.Group{
		event.Customer: {orders}, event.Restaurant: {restaurants}, event.Both: {orders, restaurants}, "": {orders, restaurants},
	} {
		e := orderEvent(event.OrderPlaced, placed)
		e.Audience = audience
		groups, err := e.Groups()
		require.NoError(t, err)
		require.Equal(t, want, groups, audience)
	}
	for eventType, want := range map[event.Type]event.Group{
		event.CartLocked:              "teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11",
		event.UserActivityUpdate:      "user-activity",
		event.AnalyticsUpdate:         "analytics",
		event.UserCountUpdate:         "analytics",
		event.GenerationMetricsUpdate: "analytics",
		event.RevenueUpdate:           "analytics",
	} {
		groups, err := cartEvent(eventType, `{}`).Groups()
		require.NoError(t, err)
		require.Equal(t, []event.Group{want}, groups)
	}
	for payload, want := range map[*event.Event]event.Group{
		adminEvent(event.SystemAlert, `{"type": "info"}`):                     "alerts",
		adminEvent(event.AdminNotification, `{"type": "role-assignment"}`):    "admins",
		cartEvent(event.AccessRevoked, `{"policy": "MustBeTeamCartMember"}`):  "teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11",
		cartEvent(event.AccessRevoked, `{"policy": "MustBeOrderOwner"}`):      "order:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11",
		cartEvent(event.AccessRevoked, `{"policy": "MustBeRestaurantStaff"}`): "restaurant:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11",
		cartEvent(event.AccessRevoked, `{"policy": "MustBeRestaurantOwner"}`): "restaurant:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11",
	} {
		groups, err := payload.Groups()
		require.NoError(t, err)
		require.Equal(t, []event.Group{want}, groups)
	}
	require.Equal(t, "teamcart", event.TeamCartGroup(cartID).Kind())
	require.Equal(t, "admins", event.Admins.Kind())
	upper := uuid.MustParse("F47AC10B-58CC-4372-A567-0E02B2C3D479")
	require.Equal(t, event.Group("order:f47ac10b-58cc-4372-a567-0e02b2c3d479"), event.OrderGroup(upper))
}

// Acceptance: A-053.
func TestEventsThatCannotBeDelivered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		event  *event.Event
		reason string
	}{
		"a type of a newer release":      {cartEvent("CartSplit", `{}`), `unknown event_type "CartSplit"`},
		"an audience of a newer release": {&event.Event{ID: eventID, Type: event.OrderPlaced, Audience: "Courier", Payload: json.RawMessage(placed)}, `unknown audience "Courier"`},
		"order: no payload":              {orderEvent(event.OrderPlaced, ``), "payload: unexpected end of JSON input"},
		"order: null":                    {orderEvent(event.OrderPlaced, `null`), "payload: orderNumber is missing"},
		"order: no number":               {orderEvent(event.OrderPlaced, `{"status": "Placed"}`), "payload: orderNumber is missing"},
		"order: number is null":          {orderEvent(event.OrderPlaced, `{"orderNumber": null, "status": "Placed"}`), "payload: orderNumber is missing"},
		"order: no status":               {orderEvent(event.OrderPlaced, `{"orderNumber": "YZ-1"}`), "payload: status is missing"},
		"order: number is a number":      {orderEvent(event.OrderPlaced, `{"orderNumber": 1, "status": "Placed"}`), "payload: json: cannot unmarshal number"},
		"order: time without a zone":     {orderEvent(event.OrderPlaced, `{"orderNumber": "", "status": "", "deliveredAt": "2025-01-20T10:05:00"}`), "payload: parsing time"},
		"order: time in words":           {orderEvent(event.OrderPlaced, `{"orderNumber": "", "status": "", "deliveredAt": "soon"}`), "payload: parsing time"},
		"order: time beyond the year 9999": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "", "status": "", "deliveredAt": "9999-12-31T23:00:00-02:00"}`),
			"payload: deliveredAt is not a time between the years 1 and 9999",
		},
		"order: time before the year 1": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "", "status": "", "estimatedDeliveryTime": "0001-01-01T01:00:00+02:00"}`),
			"payload: estimatedDeliveryTime is not a time between the years 1 and 9999",
		},
		"cart: not an object":            {cartEvent(event.CartUpdated, `[]`), "payload: json: cannot unmarshal array"},
		"cart: payment without a user":   {cartEvent(event.CartPaymentEvent, `{"status": "Paid"}`), "payload: userId and status are required for CartPaymentEvent"},
		"cart: payment without a status": {cartEvent(event.CartPaymentEvent, `{"userId": "u"}`), "payload: userId and status are required for CartPaymentEvent"},
		"cart: conversion without order": {cartEvent(event.CartConverted, `{}`), "payload: orderId is required for CartConverted"},
		"cart: conversion to no order":   {cartEvent(event.CartConverted, `{"orderId": "YZ-1"}`), `payload: orderId of CartConverted is "YZ-1", not a UUID`},
		"cart: conversion to an order in another form": {
			cartEvent(event.CartConverted, `{"orderId": "{f47ac10b-58cc-4372-a567-0e02b2c3d479"}`), "payload: orderId of CartConverted is ",
		},
		"cart: status is an object":      {cartEvent(event.CartPaymentEvent, `{"userId": "u", "status": {}}`), "payload: json: cannot unmarshal object"},
		"admin: not an object":           {adminEvent(event.RevenueUpdate, `"text"`), "payload: json: cannot unmarshal string"},
		"alert: no type":                 {adminEvent(event.SystemAlert, `{"message": "m"}`), `payload: type is null, not one of ["info" "warning" "error" "success"]`},
		"alert: null":                    {adminEvent(event.SystemAlert, `null`), `payload: type is null, not one of ["info" "warning" "error" "success"]`},
		"alert: unknown type":            {adminEvent(event.SystemAlert, `{"type": "panic"}`), `payload: type is "panic", not one of ["info" "warning" "error" "success"]`},
		"notification: no type":          {adminEvent(event.AdminNotification, `{}`), `payload: type is null, not "role-assignment" or "system-event"`},
		"notification: type is a number": {adminEvent(event.AdminNotification, `{"type": 1}`), `payload: type is 1, not "role-assignment" or "system-event"`},
		"revocation: unknown policy":     {cartEvent(event.AccessRevoked, `{"policy": "MustBeAdmin"}`), `unknown policy "MustBeAdmin"`},
		"revocation: not an object":      {cartEvent(event.AccessRevoked, `1`), "payload: json: cannot unmarshal number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := test.event.Groups()
			undeliverable, ok := errors.AsType[*event.UndeliverableError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, eventID, undeliverable.EventID)
			require.Equal(t, strings.HasPrefix(test.reason, "unknown event_type"), undeliverable.UnknownType, "only this may mend itself")
			require.True(t, strings.HasPrefix(undeliverable.Reason, test.reason), undeliverable.Reason)
			require.EqualError(t, err, "event "+eventID.String()+" cannot be delivered: "+undeliverable.Reason)
		})
	}
}

func TestRevocationIsNotSentToClients(t *testing.T) {
	t.Parallel()
	e := cartEvent(event.AccessRevoked, `{"policy": "MustBeTeamCartMember", "userId": "user-1"}`)
	r, err := e.Revocation()
	require.NoError(t, err)
	require.Equal(t, event.Revocation{Group: event.TeamCartGroup(cartID), Policy: event.MustBeTeamCartMember, UserID: "user-1"}, r)
	_, err = event.Logged{Event: e}.Invocation(event.Plain)
	require.ErrorContains(t, err, `event type "AccessRevoked" is not sent to clients`)
}

func TestLogsShowNeitherPayloadNorCustomer(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "set aside", slog.Any("event", orderEvent(event.OrderPlaced, placed)))
	require.Contains(t, log.String(), eventID.String())
	require.NotContains(t, log.String(), "YZ-1024")
	require.NotContains(t, log.String(), "user-1")
}

// requireDeliverable holds what package event promises of an event that has been given groups: every group's invocation exists in
// every shape, and every argument is JSON with the fields that a client relies on.
func requireDeliverable(t require.TestingT, e *event.Event) {
	groups, err := e.Groups()
	if err != nil {
		var undeliverable *event.UndeliverableError
		require.ErrorAs(t, err, &undeliverable)
		require.Equal(t, e.ID, undeliverable.EventID)
		return
	}
	require.NotEmpty(t, groups)
	if e.Type.Family() == event.Control {
		return
	}
	for _, g := range groups {
		for _, shape := range []event.Shape{event.Plain, event.WithCursor} {
			inv, err := event.Logged{Event: e, Group: g, Position: 1, Sequence: sequence}.Invocation(shape)
			require.NoError(t, err)
			require.NotEmpty(t, inv.Method)
			for _, argument := range inv.Arguments {
				require.True(t, json.Valid(argument), "%s", argument)
			}
			if e.Type.Family() == event.TeamCart && shape == event.Plain {
				continue
			}
			var last struct {
				EventID   uuid.UUID
				Sequence  int64
				Timestamp *time.Time // admin events
				// Order events, and the cursor of a cart event.
				OccurredOnUtc, LastUpdateTimestamp, EstimatedDeliveryTime, ActualDeliveryTime, DeliveredAt *time.Time
			}
			require.NoError(t, json.Unmarshal(inv.Arguments[len(inv.Arguments)-1], &last))
			require.Equal(t, e.ID, last.EventID)
			require.Equal(t, int64(sequence), last.Sequence)
			require.NotEqual(t, last.Timestamp == nil, last.OccurredOnUtc == nil)
		}
	}
}

func TestWhatHasGroupsHasInvocations(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.SampledFrom([]any{
			nil, true, 1, 1.5,
			[]any{},
			map[string]any{},
			map[string]any{"severity": "high"},
			"", "info", "role-assignment", "system-event",
			"2025-01-20T10:05:00Z", "2025-01-20T10:05:00.1234567+14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
		}),
	)
	names := []string{
		"orderNumber", "status", "lastUpdateTimestamp", "estimatedDeliveryTime", "actualDeliveryTime", "deliveredAt", "userId", "orderId",
		"type", "data", "message", "severity", "timestamp", "eventId", "sequence", "policy",
	}
	types := append(allTypes(), event.AccessRevoked, "Unknown")
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.MapOf(rapid.SampledFrom(names), value).Draw(t, "payload")
		for _, field := range []string{"orderNumber", "status"} { // else hardly an order would be deliverable
			if rapid.Bool().Draw(t, "with "+field) {
				payload[field] = rapid.String().Draw(t, field)
			}
		}
		encoded, err := json.Marshal(payload)
		require.NoError(t, err)
		requireDeliverable(t, &event.Event{
			ID: eventID, Type: rapid.SampledFrom(types).Draw(t, "type"), ResourceID: orderID, RestaurantID: restaurantID,
			Audience: rapid.SampledFrom(append(event.Audiences(), "", "Courier")).Draw(t, "audience"), Payload: encoded, OccurredOn: occurred,
		})
	})
}

// Whatever the outbox holds, and whatever it could not hold: no panic, and nothing but JSON comes out.
func FuzzPayload(f *testing.F) {
	types := append(allTypes(), event.AccessRevoked, "Unknown")
	for i, eventType := range types {
		for _, e := range goldens() {
			if e.Type == eventType {
				f.Add(uint8(i), []byte(e.Payload))
			}
		}
	}
	f.Add(uint8(0), []byte(`{"orderNumber": "\ud800", "status": "\u0000", "deliveredAt": "9999-12-31T23:59:59-14:00"}`))
	f.Add(uint8(15), []byte(`null`))
	f.Fuzz(func(t *testing.T, eventType uint8, payload []byte) {
		requireDeliverable(t, &event.Event{
			ID: eventID, Type: types[int(eventType)%len(types)], ResourceID: orderID, RestaurantID: restaurantID, Payload: payload, OccurredOn: occurred,
		})
	})
}
