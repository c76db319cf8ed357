package event_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
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
		`"type": "info"`:    "low",
		`"type": "success"`: "low",
		`"type": "warning"`: "medium",
		`"type": "error"`:   "high",
		`"type": "info", "data": {"severity": "critical"}`:                     "critical",
		`"type": "error", "data": {"severity": "low", "a": 1}`:                 "low",
		`"type": "error", "data": {"severity": ""}`:                            "high",
		`"type": "error", "data": {"Severity": "low"}`:                         "high",
		`"type": "warning", "data": {"severity": null}`:                        "medium",
		`"type": "warning", "data": {"severity": 3}`:                           "medium",
		`"type": "warning", "data": {"severity": " "}`:                         "medium",
		`"type": "warning", "data": null`:                                      "medium",
		`"type": "error", "severity": "low"`:                                   "low",
		`"type": "error", "severity": null`:                                    "high",
		`"type": "error", "Severity": "low"`:                                   "high",
		`"type": "error", "severity": "critical", "data": {"severity": "low"}`: "critical",
		`"type": "error", "severity": null, "data": {"severity": "low"}`:       "low",
		`"type": "info", "data": {"nested": {"severity": "x"}}`:                "low",
		`"type": "info", "data": {"severity": "  with spaces  "}`:              "  with spaces  ",
	} {
		got := object(t, invoke(t, adminEvent(event.SystemAlert, `{"message": "m", `+payload+`}`), event.Plain))
		require.Equal(t, want, got["severity"], payload)
	}
}

// Acceptance,
//
func TestGroups(t *testing.T) {
	t.Parallel()
	orders, restaurants := event.OrderGroup(orderID), event.RestaurantGroup(restaurantID)
	for audience, want := range map[event.Audience][]event.Group{
		event.Customer: {orders}, event.Restaurant: {restaurants}, event.Both: {orders, restaurants},
		"": {orders, restaurants},
	} {
		e := orderEvent(event.OrderPlaced, placed)
		e.Audience = audience
		groups, err := e.Groups()
		require.NoError(t, err)
		require.Equal(t, want, groups, audience)
	}
	const numbers = `{"totalUsers": 1, "activeUsers": 1, "newUsersToday": 1, "websitesGenerated": 1, "imagesGenerated": 1, "revenue": 1,
		"failedGenerations": 1, "averageGenerationTime": 1, "dailyRevenue": 1, "totalRevenue30d": 1, "userId": "u", "action": "a"}`
	for eventType, want := range map[event.Type]event.Group{
		event.CartLocked:              event.TeamCartGroup(cartID),
		event.UserActivityUpdate:      event.UserActivity,
		event.AnalyticsUpdate:         event.Analytics,
		event.UserCountUpdate:         event.Analytics,
		event.GenerationMetricsUpdate: event.Analytics,
		event.RevenueUpdate:           event.Analytics,
	} {
		groups, err := cartEvent(eventType, numbers).Groups()
		require.NoError(t, err)
		require.Equal(t, []event.Group{want}, groups)
	}
	for payload, want := range map[*event.Event]event.Group{
		adminEvent(
			event.SystemAlert, `{"type": "info", "message": "m"}`,
		): event.Alerts,
		adminEvent(
			event.AdminNotification, `{"type": "role-assignment", "userId": "u", "roleName": "r", "action": "assigned"}`,
		): event.Admins,
		cartEvent(
			event.AccessRevoked, `{"policy": "MustBeTeamCartMember"}`,
		): event.TeamCartGroup(cartID),
		cartEvent(
			event.AccessRevoked, `{"policy": "MustBeOrderOwner"}`,
		): event.OrderGroup(cartID),
		cartEvent(
			event.AccessRevoked, `{"policy": "MustBeRestaurantStaff"}`,
		): event.RestaurantGroup(cartID),
		cartEvent(
			event.AccessRevoked, `{"policy": "MustBeRestaurantOwner"}`,
		): event.RestaurantGroup(cartID),
	} {
		groups, err := payload.Groups()
		require.NoError(t, err)
		require.Equal(t, []event.Group{want}, groups)
	}
	require.Equal(t, "teamcart", event.TeamCartGroup(cartID).Kind())
	require.Equal(t, "admins", event.Admins.Kind())
	upper := uuid.MustParse("F47AC10B-58CC-4372-A567-0E02B2C3D479")
	require.Equal(t, "order:f47ac10b-58cc-4372-a567-0e02b2c3d479", event.OrderGroup(upper).String())
}

// Acceptance.
func TestEventsThatCannotBeDelivered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		event  *event.Event
		reason string
	}{
		"a type of a newer release": {cartEvent("CartSplit", `{}`), `unknown event_type "CartSplit"`},
		"an audience of a newer release": {
			&event.Event{ID: eventID, Type: event.OrderPlaced, Audience: "Courier", Payload: json.RawMessage(placed)},
			`unknown audience "Courier"`,
		},
		"order: no payload": {orderEvent(event.OrderPlaced, ``), "payload: it is not a JSON object"},
		"order: null":       {orderEvent(event.OrderPlaced, `null`), "payload: it is not a JSON object"},
		"order: half a payload": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "YZ-1", `), "payload: it is not JSON, at byte 24",
		},
		"order: no number": {
			orderEvent(event.OrderPlaced, `{"status": "Placed"}`), "payload: orderNumber is missing",
		},
		"order: number in another case": {
			orderEvent(event.OrderPlaced, `{"OrderNumber": "YZ-1", "status": "Placed"}`), "payload: orderNumber is missing",
		},
		"order: number is null": {
			orderEvent(event.OrderPlaced, `{"orderNumber": null, "status": "Placed"}`), "payload: orderNumber is missing",
		},
		"order: number is empty": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "", "status": "Placed"}`),
			`payload: orderNumber is "", not a string that is not empty`,
		},
		"order: status is blank": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "YZ-1", "status": " \t"}`),
			`payload: status is " \t", not a string that is not empty`,
		},
		"order: no status": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "YZ-1"}`), "payload: status is missing",
		},
		"order: number is a number": {
			orderEvent(event.OrderPlaced, `{"orderNumber": 1, "status": "Placed"}`),
			"payload: orderNumber is 1, not a string",
		},
		"order: time without a zone": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "a", "status": "b", "deliveredAt": "2025-01-20T10:05:00"}`),
			`payload: deliveredAt is "2025-01-20T10:05:00", not a time in RFC 3339`,
		},
		"order: time in words": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "a", "status": "b", "deliveredAt": "soon"}`),
			`payload: deliveredAt is "soon", not a time`,
		},
		"order: time is a number": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "a", "status": "b", "deliveredAt": 5}`),
			"payload: deliveredAt is 5, not a time",
		},
		"order: time beyond the year 9999": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "a", "status": "b", "deliveredAt": "9999-12-31T23:00:00-02:00"}`),
			`payload: deliveredAt is "9999-12-31T23:00:00-02:00", not a time in RFC 3339 with an offset, such as 2025-01-20T10:05:00Z`,
		},
		"order: time before the year 1": {
			orderEvent(
				event.OrderPlaced, `{"orderNumber": "a", "status": "b", "estimatedDeliveryTime": "0001-01-01T01:00:00+02:00"}`,
			),
			`payload: estimatedDeliveryTime is "0001-01-01T01:00:00+02:00", not a time`,
		},
		"order: a reason has a limit": {
			orderEvent(event.OrderPlaced, `{"orderNumber": ["`+strings.Repeat("a", 60_000)+`"], "status": "b"}`),
			`payload: orderNumber is ["` + strings.Repeat("a", 62) + ", not a string",
		},
		"cart: not an object": {cartEvent(event.CartUpdated, `[]`), "payload: it is not a JSON object"},
		"cart: payment without a user": {
			cartEvent(event.CartPaymentEvent, `{"status": "Paid"}`), "payload: userId is missing",
		},
		"cart: payment of no user": {
			cartEvent(event.CartPaymentEvent, `{"userId": "", "status": "Paid"}`), `payload: userId is ""`,
		},
		"cart: payment without a status": {
			cartEvent(event.CartPaymentEvent, `{"userId": "u"}`), "payload: status is missing",
		},
		"cart: conversion without order": {cartEvent(event.CartConverted, `{}`), "payload: orderId is missing"},
		"cart: conversion to no order": {
			cartEvent(event.CartConverted, `{"orderId": "YZ-1"}`), `payload: orderId is "YZ-1", not a UUID`,
		},
		"cart: status is an object": {
			cartEvent(event.CartPaymentEvent, `{"userId": "u", "status": {}}`), "payload: status is {}, not a string",
		},
		"admin: not an object": {adminEvent(event.RevenueUpdate, `"text"`), "payload: it is not a JSON object"},
		"admin: a number is missing": {
			adminEvent(event.RevenueUpdate, `{"dailyRevenue": 1}`), "payload: totalRevenue30d is missing",
		},
		"admin: a number is text": {
			adminEvent(event.RevenueUpdate, `{"dailyRevenue": "1", "totalRevenue30d": 1}`),
			`payload: dailyRevenue is "1", not a number`,
		},
		"admin: details is a list": {
			adminEvent(event.UserActivityUpdate, `{"userId": "u", "action": "a", "details": []}`),
			"payload: details is [], not an object",
		},
		"alert: no type":    {adminEvent(event.SystemAlert, `{"message": "m"}`), "payload: type is missing"},
		"alert: no message": {adminEvent(event.SystemAlert, `{"type": "info"}`), "payload: message is missing"},
		"alert: null":       {adminEvent(event.SystemAlert, `null`), "payload: it is not a JSON object"},
		"alert: unknown type": {
			adminEvent(event.SystemAlert, `{"type": "panic", "message": "m"}`),
			`payload: type is "panic", not one of info, warning, error, success`,
		},
		"alert: several": {
			adminEvent(
				event.SystemAlert, `{"type": "panic", "message": " ", "data": {"metric": "`+strings.Repeat("m", 257)+`"}}`,
			),
			`payload: type is "panic", not one of info, warning, error, success; message is " ", not a string that is not empty; data.metric is "` + strings.Repeat("m", 63) + ", not a string of at most 256 characters",
		},
		"admin: fewer than none": {
			adminEvent(event.UserCountUpdate, `{"totalUsers": -1, "activeUsers": 1.5, "newUsersToday": 9007199254740992}`),
			"payload: totalUsers is -1, not a whole number from 0 to 9007199254740991; activeUsers is 1.5, not a whole number from 0 to 9007199254740991; newUsersToday is 9007199254740992, not",
		},
		"order: nothing": {
			orderEvent(event.OrderPlaced, `{}`), "payload: orderNumber is missing; status is missing",
		},
		"cart: conversion to no id": {
			cartEvent(event.CartConverted, `{"orderId": "00000000-0000-0000-0000-000000000000"}`),
			`payload: orderId is "00000000-0000-0000-0000-000000000000", not a UUID, and not the all-zero one`,
		},
		"alert: severity is a number": {
			adminEvent(event.SystemAlert, `{"type": "info", "message": "m", "severity": 3}`),
			"payload: severity is 3, not a string that is not empty",
		},
		"notification: no type": {adminEvent(event.AdminNotification, `{}`), "payload: type is missing"},
		"notification: type is a number": {
			adminEvent(event.AdminNotification, `{"type": 1}`),
			`payload: type is 1, not one of role-assignment, system-event`,
		},
		"notification: another action": {
			adminEvent(
				event.AdminNotification, `{"type": "role-assignment", "userId": "u", "roleName": "r", "action": "eaten"}`,
			), `payload: action is "eaten", not one of assigned, revoked`,
		},
		"a key that ends clients": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "a", "status": "b", "__proto__": 1}`),
			"payload: it has a key named __proto__",
		},
		"a key that ends clients, deep": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "a", "status": "b", "x": [{"y": {"__proto__": {}}}]}`),
			"payload: it has a key named __proto__",
		},
		"a key that ends clients, in details": {
			adminEvent(
				event.UserActivityUpdate, `{"userId": "u", "action": "a", "details": {"\u005f_proto__": 1}}`,
			), "payload: it has a key named __proto__",
		},
		"nesting that clients cannot read": {
			orderEvent(event.OrderPlaced, `{"orderNumber": "a", "status": "b", "x": `+nested(62)+`}`),
			"payload: it nests deeper than clients read, 64 levels",
		},
		"nesting in data": {
			adminEvent(event.SystemAlert, `{"type": "info", "message": "m", "data": {"x": `+nested(61)+`}}`),
			"payload: it nests deeper than clients read, 64 levels",
		},
		"revocation: unknown policy": {
			cartEvent(event.AccessRevoked, `{"policy": "MustBeAdmin"}`), `unknown policy "MustBeAdmin"`,
		},
		"revocation: not an object": {cartEvent(event.AccessRevoked, `1`), "payload: it is not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := test.event.Groups()
			undeliverable, ok := errors.AsType[*event.UndeliverableError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, eventID, undeliverable.EventID)
			require.Equal(
				t, strings.HasPrefix(test.reason, "unknown event_type"), undeliverable.UnknownType, "only this may mend itself",
			)
			require.True(t, strings.HasPrefix(undeliverable.Reason, test.reason), undeliverable.Reason)
			require.EqualError(t, err, "event "+eventID.String()+" cannot be delivered: "+undeliverable.Reason)
		})
	}
}

// nested returns JSON lists, nested this many levels deep.
func nested(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// A payload's fields that the event's type does not use never make the event undeliverable.
//
// Acceptance.
func TestOnlyWhatIsUsedIsRead(t *testing.T) {
	t.Parallel()
	for _, e := range []*event.Event{
		cartEvent(event.CartUpdated, `{"userId": 42}`),
		cartEvent(event.CartUpdated, `{"__proto__": `+nested(500)+`}`),
		cartEvent(
			event.CartPaymentEvent,
			`{"userId": "u", "status": "Paid", "orderId": 42, "userid": null, "x": {"__proto__": 1}}`,
		),
		cartEvent(event.CartConverted, `{"orderId": "f47ac10b-58cc-4372-a567-0e02b2c3d479", "userId": [], "OrderId": 1}`),
		orderEvent(
			event.OrderPlaced,
			`{"orderNumber": "a", "ordernumber": null, "status": "b", "deliveredat": "yesterday", "eventId": 1}`,
		),
		orderEvent(event.OrderPlaced, `{"orderNumber": "a", "status": "b", "x": `+nested(61)+`}`),
		adminEvent(event.SystemAlert, `{"type": "info", "message": "m", "Severity": 3, "data": {"x": `+nested(60)+`}}`),
	} {
		_, err := e.Groups()
		require.NoError(t, err)
		requireDeliverable(t, e)
	}
}

func TestRevocationIsNotSentToClients(t *testing.T) {
	t.Parallel()
	e := cartEvent(event.AccessRevoked, `{"policy": "MustBeTeamCartMember", "userId": "user-1"}`)
	r, err := e.Revocation()
	require.NoError(t, err)
	require.Equal(
		t, event.Revocation{Group: event.TeamCartGroup(cartID), Policy: event.MustBeTeamCartMember, UserID: "user-1"}, r,
	)
	_, err = event.Logged{Event: e}.Invocation(event.Plain)
	require.ErrorContains(t, err, `event type "AccessRevoked" is not sent to clients`)
}

func TestLogsShowNeitherPayloadNorCustomer(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(
		t.Context(), "set aside", slog.Any("event", orderEvent(event.OrderPlaced, placed)),
	)
	require.Contains(t, log.String(), eventID.String())
	require.NotContains(t, log.String(), "YZ-1024")
	require.NotContains(t, log.String(), "user-1")
}

// requireDeliverable checks package event's promise for an event that has been given groups: every group's
// invocation exists in every shape, and every argument is JSON with the fields that a client relies on.
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
			last := map[string]json.RawMessage{} // names match exactly
			require.NoError(t, json.Unmarshal(inv.Arguments[len(inv.Arguments)-1], &last))
			require.JSONEq(t, `"`+e.ID.String()+`"`, string(last["eventId"]))
			require.Equal(t, strconv.Itoa(sequence), string(last["sequence"]))
			times := []string{
				"occurredOnUtc", "lastUpdateTimestamp", "estimatedDeliveryTime", "actualDeliveryTime", "deliveredAt",
			}
			switch e.Type.Family() {
			case event.Admin:
				times = []string{"timestamp"}
			case event.TeamCart:
				times = times[:1]
			default:
			}
			for i, name := range times {
				var at *time.Time
				require.NoError(t, json.Unmarshal(last[name], &at), name)
				require.True(t, at != nil || i > 1, name)
			}
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
			"2025-01-20T10:05:00Z", "2025-01-20T10:05:00.1234567+14:00", "0001-01-01T00:00:00+14:00",
			"9999-12-31T23:59:59-14:00",
		}),
	)
	names := []string{
		"orderNumber", "status", "lastUpdateTimestamp", "estimatedDeliveryTime", "actualDeliveryTime", "deliveredAt",
		"userId", "orderId",
		"type", "data", "message", "severity", "timestamp", "eventId", "sequence", "policy",
	}
	types := append(event.Types(), event.AccessRevoked, "Unknown")
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.MapOf(rapid.SampledFrom(names), value).Draw(t, "payload")
		for _, field := range []string{"orderNumber", "status"} { // else hardly any order would be deliverable
			if rapid.Bool().Draw(t, "with "+field) {
				payload[field] = rapid.String().Draw(t, field)
			}
		}
		encoded, err := json.Marshal(payload)
		require.NoError(t, err)
		requireDeliverable(t, &event.Event{
			ID: eventID, Type: rapid.SampledFrom(types).Draw(t, "type"), ResourceID: orderID, RestaurantID: restaurantID,
			Audience: rapid.SampledFrom(append(event.Audiences(), "", "Courier")).Draw(t, "audience"), Payload: encoded,
			OccurredOn: occurred,
		})
	})
}

// For any payload, storable in the outbox or not: no panic, and only JSON comes out.
func FuzzPayload(f *testing.F) {
	types := append(event.Types(), event.AccessRevoked, "Unknown")
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
			ID: eventID, Type: types[int(eventType)%len(types)], ResourceID: orderID, RestaurantID: restaurantID,
			Payload: payload, OccurredOn: occurred,
		})
	})
}
