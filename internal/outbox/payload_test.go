package outbox_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// A payload that does not fit its event type is refused in the producer's transaction.
//
// Acceptance.
func TestOutboxRefusesPayloadsThatDoNotFit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const (
		text     = "a string that is not empty"
		word     = "a string that is not empty, of at most 256 characters"
		number   = "a number that a 64-bit float holds"
		count    = "a whole number from 0 to 9007199254740991"
		usual    = "2025-01-20T10:05:00.123456Z"
		rfc3339  = "a time in RFC 3339 with an offset, such as 2025-01-20T10:05:00Z"
		dotNet   = `payload has "OrderNumber"; names are camelCase and matched exactly.`
		okMetric = `"websitesGenerated": 1, "imagesGenerated": 1, "failedGenerations": 1`
	)
	ordered := func(rest string) string { return `{"orderNumber": "YZ-1", "status": "Placed", ` + rest + `}` }
	for _, test := range []struct{ eventType, payload, message, hint string }{
		{
			"OrderPlaced", `{}`,
			"has no orderNumber: an event of type OrderPlaced needs it; payload has no status: an event of type OrderPlaced needs it", "Set orderNumber to " + text + ". Set status to " + text + ".",
		},
		{
			"OrderPlaced", `{"orderNumber": " \t\n\u000b\f\r", "status": 1, "deliveredAt": "2025-01-20 10:05:00"}`,
			"has an empty orderNumber; payload has status of type number, not a string; payload has deliveredAt '2025-01-20 10:05:00', which is not " + rfc3339, "Set orderNumber to " + text + ". Set status to " + text + ". Set deliveredAt to " + rfc3339 + ".",
		},
		{
			"OrderPlaced", `{"orderNumber": null, "status": "Placed"}`,
			"has no orderNumber: an event of type OrderPlaced needs it", "Set orderNumber to " + text + ".",
		},
		{
			"OrderStatusChanged", `{"OrderNumber": "YZ-1", "Status": "Placed"}`,
			"has no orderNumber: an event of type OrderStatusChanged needs it; payload has no status: an event of type OrderStatusChanged needs it", dotNet + ` payload has "Status"; names are camelCase and matched exactly.`,
		},
		{
			"OrderStatusChanged", `{"orderNumber": "YZ-1", "STATUS": "Placed"}`,
			"has no status: an event of type OrderStatusChanged needs it",
			`payload has "STATUS"; names are camelCase and matched exactly.`,
		},
		{
			"OrderPaymentFailed", `{"orderNumber": 17, "status": "Placed"}`, "has orderNumber of type number, not a string",
			"Set orderNumber to " + text + ".",
		},
		{
			"OrderPaymentFailed", `{"orderNumber": ["YZ-1"], "status": "Placed"}`,
			"has orderNumber of type array, not a string", "Set orderNumber to " + text + ".",
		},
		{
			"OrderPaymentSucceeded", `{"orderNumber": "", "status": "Placed"}`, "has an empty orderNumber",
			"Set orderNumber to " + text + ".",
		},
		{
			"OrderPlaced", ordered(`"deliveredAt": "yesterday"`), "has deliveredAt 'yesterday', which is not " + rfc3339,
			"Set deliveredAt to " + rfc3339 + ".",
		},
		{
			"OrderPlaced", ordered(`"deliveredAt": 1737367500`), "has deliveredAt of type number, not " + rfc3339,
			"Set deliveredAt to " + rfc3339 + ".",
		},
		{
			"OrderPlaced", ordered(`"actualDeliveryTime": "2025-01-20T10:05:00"`),
			"has actualDeliveryTime '2025-01-20T10:05:00', which is not " + rfc3339,
			"Set actualDeliveryTime to " + rfc3339 + ".",
		},
		{
			"OrderPlaced", ordered(`"estimatedDeliveryTime": ""`), "has an empty estimatedDeliveryTime",
			"Set estimatedDeliveryTime to " + rfc3339 + ".",
		},
		{
			"OrderPlaced", ordered(`"lastUpdateTimestamp": "` + usual + `", "deliveredAt": ""`), "has an empty deliveredAt",
			"Set deliveredAt to " + rfc3339 + ".",
		},
		{
			"OrderPlaced", ordered(`"deliveredAt": "` + usual + "," + usual + `"`),
			"has deliveredAt '" + usual + "," + usual + "', which is not " + rfc3339, "Set deliveredAt to " + rfc3339 + ".",
		},
		{
			"OrderPlaced", ordered(`"lastUpdateTimestamp": "` + usual + `", "deliveredAt": "2025-02-29T10:05:00.000000Z"`),
			"has deliveredAt '2025-02-29T10:05:00.000000Z', which is not " + rfc3339, "Set deliveredAt to " + rfc3339 + ".",
		},
		{
			"OrderPlaced", ordered(`"lastUpdateTimestamp": "` + usual + `", "deliveredAt": "2025-01-20T24:00:00.000000Z"`),
			"has deliveredAt '2025-01-20T24:00:00.000000Z', which is not " + rfc3339, "Set deliveredAt to " + rfc3339 + ".",
		},
		{
			"CartPaymentEvent", `{"userId": "u"}`, "has no status: an event of type CartPaymentEvent needs it",
			"Set status to " + text + ".",
		},
		{
			"CartPaymentEvent", `{"UserId": "u", "status": "Paid"}`,
			"has no userId: an event of type CartPaymentEvent needs it",
			`payload has "UserId"; names are camelCase and matched exactly.`,
		},
		{
			"CartConverted", `{"orderId": "17"}`, "has orderId '17', which is not a UUID, and not the all-zero one",
			"Set orderId to a UUID, and not the all-zero one.",
		},
		{
			"CartConverted", `{"orderId": "00000000-0000-0000-0000-000000000000"}`,
			"has orderId '00000000-0000-0000-0000-000000000000', which is not a UUID, and not the all-zero one",
			"Set orderId to a UUID, and not the all-zero one.",
		},
		{
			"UserActivityUpdate", `{"userId": "u"}`, "has no action: an event of type UserActivityUpdate needs it",
			"Set action to " + word + ".",
		},
		{
			"UserActivityUpdate", `{"userId": "u", "action": "a", "details": []}`, "has details of type array, not an object",
			"Set details to an object.",
		},
		{
			"UserActivityUpdate", `{"userId": "u", "action": "` + strings.Repeat("ü", 257) + `"}`,
			"has action of 257 characters; at most 256 are allowed", "Set action to " + word + ".",
		},
		{
			"AnalyticsUpdate", `{"totalUsers": 1, "activeUsers": 1, "websitesGenerated": 1, "imagesGenerated": 1}`,
			"has no revenue: an event of type AnalyticsUpdate needs it", "Set revenue to " + number + ".",
		},
		{
			"AnalyticsUpdate",
			`{"totalUsers": -12.5, "activeUsers": 1, "websitesGenerated": 1, "imagesGenerated": 1, "revenue": 1}`,
			"has totalUsers -12.5, which is not " + count, "Set totalUsers to " + count + ".",
		},
		{
			"UserCountUpdate", `{"totalUsers": 9007199254740992, "activeUsers": 1, "newUsersToday": 1}`,
			"has totalUsers 9007199254740992, which is not " + count, "Set totalUsers to " + count + ".",
		},
		{
			"UserCountUpdate", `{"totalUsers": "1", "activeUsers": 1, "newUsersToday": 1}`,
			"has totalUsers of type string, not " + count, "Set totalUsers to " + count + ".",
		},
		{
			"GenerationMetricsUpdate", `{` + okMetric + `, "averageGenerationTime": -0.1}`,
			"has averageGenerationTime -0.1, which is not a number from 0 that a 64-bit float holds",
			"Set averageGenerationTime to a number from 0 that a 64-bit float holds.",
		},
		{
			"RevenueUpdate", `{"dailyRevenue": 1, "totalRevenue30d": -1e400}`,
			"has totalRevenue30d -1" + strings.Repeat("0", 62) + ", which is not " + number,
			"Set totalRevenue30d to " + number + ".",
		},
		{
			"SystemAlert", `{"type": "fatal", "message": "m"}`,
			"has type 'fatal', which is not one of info, warning, error, success",
			"Set type to one of info, warning, error, success.",
		},
		{
			"SystemAlert", `{"type": "` + strings.Repeat("x", 63<<10) + `", "message": "m"}`,
			"has type '" + strings.Repeat("x", 64) + "', which is not one of info, warning, error, success",
			"Set type to one of info, warning, error, success.",
		},
		{"SystemAlert", `{"type": "info", "message": " "}`, "has an empty message", "Set message to " + text + "."},
		{
			"SystemAlert", `{"type": "info", "message": "m", "severity": 1}`, "has severity of type number, not a string",
			"Set severity to " + word + ".",
		},
		{
			"SystemAlert", `{"type": "info", "message": "m", "data": "d"}`, "has data of type string, not an object",
			"Set data to an object.",
		},
		{
			"AdminNotification", `{"userId": "u"}`, "has no type: an event of type AdminNotification needs it",
			"Set type to one of role-assignment, system-event.",
		},
		{
			"AdminNotification", `{"type": "SystemAlert", "message": "m"}`,
			"has type 'SystemAlert', which is not one of role-assignment, system-event",
			"Set type to one of role-assignment, system-event.",
		},
		{
			"AdminNotification", `{"type": "role-assignment", "userId": "u", "roleName": "r", "action": "granted"}`,
			"has action 'granted', which is not one of assigned, revoked", "Set action to one of assigned, revoked.",
		},
		{
			"SystemAlert",
			`{"type": "warning", "message": "m", "data": {"metric": "` +
				strings.Repeat("ü", 257) + `", "value": 1, "threshold": "` + strings.Repeat("t", 300) + `", "severity": "` +
				strings.Repeat("s", 257) + `"}}`,
			"has data.severity of 257 characters; at most 256 are allowed; payload has data.metric of 257 characters; at most 256 are allowed; payload has data.threshold of 300 characters; at most 256 are allowed",
			"Set data.severity to a string of at most 256 characters. Set data.metric to a string of at most 256 characters. Set data.threshold to a string of at most 256 characters.",
		},
		{
			"AdminNotification", `{"type": "role-assignment", "action": "banana"}`,
			"has no userId: an event of type AdminNotification needs it; payload has no roleName: an event of type AdminNotification needs it; payload has action 'banana', which is not one of assigned, revoked", "Set userId to " + word + ". Set roleName to " + word + ". Set action to one of assigned, revoked.",
		},
		{
			"AdminNotification", `{"type": "system-event", "eventType": "e"}`,
			"has no description: an event of type AdminNotification needs it", "Set description to " + text + ".",
		},
	} {
		t.Run(test.eventType+" "+test.payload[:min(len(test.payload), 40)], func(t *testing.T) {
			t.Parallel()
			_, err := fixture.Insert(t, b.Pool, of(test.eventType, test.payload))
			requireRefused(t, err, "herald.outbox: payload "+test.message, test.hint)
		})
	}
}

// of is a row of an event type with a payload.
func of(eventType, payload string) fixture.Columns {
	row := fixture.Columns{"event_type": eventType, "payload": payload}
	switch event.Type(eventType).Family() {
	case event.Order:
		row = fixture.Order(row)
	case event.TeamCart:
		row = fixture.Cart(row)
	case event.Admin, event.Control, event.Unknown:
	}
	return row
}

// Fields that no client method uses may hold anything: payloads are additive.
//
// Acceptance: A-432.
func TestOutboxTakesWhatAnEventTypeDoesNotUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, row := range []fixture.Columns{
		of("OrderPlaced",
			`{"orderNumber": "YZ-1", "status": "Placed", "OrderNumber": 17, "ordernumber": null, "deliveredat": "yesterday", "userId": 42, "items": [{"a": [1]}]}`),
		of("OrderPlaced",
			`{"orderNumber": "ü", "status": "¡", "deliveredAt": null, "lastUpdateTimestamp": "2024-02-29T23:59:59.1234567+05:30"}`),
		of("OrderPlaced",
			`{"orderNumber": "YZ-1", "status": "~", "actualDeliveryTime": "2025-12-31T23:59:59Z", "estimatedDeliveryTime": "0001-01-01T00:00:00Z"}`),
		of("CartUpdated", `{"userId": 42, "status": [], "orderId": "none"}`),
		of("CartPaymentEvent", `{"userId": "u", "status": "Paid", "orderId": 17}`),
		of("OrderPlaced", `{"orderNumber": "YZ-1", "status": "~", "actualDeliveryTime": "2025-12-31T23:59:59+23:59"}`),
		of("CartConverted", `{"orderId": "{f47ac10b58cc4372a5670e02b2c3d479}"}`),
		of("CartConverted", `{"orderId": "F47AC10B-58CC-4372-A567-0E02B2C3D479", "userId": null}`),
		of("SystemAlert",
			`{"type": "warning", "message": "m", "data": {"metric": "`+
				strings.Repeat("ü", 256)+`", "value": [], "threshold": {"a": 1}, "severity": 3}}`),
		of("SystemAlert",
			`{"type": "info", "message": "the key is __proto__", "severity": "odd", "data": null, "more": [[[]]]}`),
		of("UserCountUpdate",
			`{"totalUsers": 0, "activeUsers": 9007199254740991, "newUsersToday": 1000000000000000, "revenue": "none"}`),
		of("RevenueUpdate", `{"dailyRevenue": 1.7976931348623157e308, "totalRevenue30d": -1e-300}`),
		of("AdminNotification",
			`{"type": "role-assignment", "userId": "¡", "roleName": "r", "action": "revoked", "data": 1}`),
	} {
		id := b.Insert(t, row)
		require.NotZero(t, id, row)
	}
}

// The all-zero UUID is the value of a Guid that was never set.
//
// Acceptance: A-435.
func TestTheAllZeroUUIDIsAMissingID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const unset = "the all-zero UUID is an id that was not set"
	admin := func(overrides fixture.Columns) fixture.Columns { return fixture.Admin(overrides) }
	for _, test := range []struct {
		row           fixture.Columns
		message, hint string
	}{
		{
			fixture.Order(fixture.Columns{"event_id": uuid.Nil}), "event_id is missing: " + unset,
			"Leave event_id out for a new one, or set it.",
		},
		{
			fixture.Cart(fixture.Columns{"event_id": uuid.Nil}), "event_id is missing: " + unset,
			"Leave event_id out for a new one, or set it.",
		},
		{
			admin(fixture.Columns{"event_id": uuid.Nil}), "event_id is missing: " + unset,
			"Leave event_id out for a new one, or set it.",
		},
		{
			fixture.Order(fixture.Columns{"resource_id": uuid.Nil}),
			"resource_id is missing: an event of type OrderPlaced needs the id of its order",
			"Set resource_id; " + unset + ".",
		},
		{
			fixture.Cart(fixture.Columns{"resource_id": uuid.Nil}),
			"resource_id is missing: an event of type CartUpdated needs the id of its team cart",
			"Set resource_id; " + unset + ".",
		},
		{admin(fixture.Columns{"resource_id": uuid.Nil}), "resource_id is missing: " + unset, "Leave it null, or set it."},
		{
			fixture.Order(fixture.Columns{"restaurant_id": uuid.Nil}),
			"restaurant_id is missing: an event of type OrderPlaced needs the id of the order's restaurant",
			"Set restaurant_id; " + unset + ".",
		},
		{
			fixture.Cart(fixture.Columns{"restaurant_id": uuid.Nil}), "restaurant_id is missing: " + unset,
			"Leave it null, or set it.",
		},
		{
			admin(fixture.Columns{"restaurant_id": uuid.Nil}), "restaurant_id is missing: " + unset,
			"Leave it null, or set it.",
		},
	} {
		_, err := fixture.Insert(t, b.Pool, test.row)
		requireRefused(t, err, "herald.outbox: "+test.message, test.hint)
	}
	for _, call := range []string{
		"publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, 'user-1', event_id => $3)",
		"publish_order_event('OrderPlaced', $3, 'YZ-1', 'Placed', $2, 'user-1', event_id => $1)",
		"publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $3, 'user-1', event_id => $2)",
		"publish_teamcart_event('CartUpdated', $1, event_id => $3, user_id => $2::text)",
		"publish_teamcart_event('CartUpdated', $3, event_id => $1, user_id => $2::text)",
		"publish_teamcart_event('CartConverted', $1, order_id => $3, event_id => $2)",
		`publish_admin_event('SystemAlert', jsonb_build_object('type', 'info', 'message', $1::text || $2::text), event_id => $3)`,
	} {
		_, err := b.Pool.Exec(t.Context(), "SELECT herald."+call, fixture.OrderID, fixture.RestaurantID, uuid.Nil)
		refused, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok, "%s: %v", call, err)
		require.Equal(t, "23514", refused.Code, "%s: %v", call, err)
	}
}

// deep is a value with n levels of arrays or objects, in turn.
func deep(n int, inner string) string {
	var opening, closing strings.Builder
	ends := make([]string, 0, n)
	for i := range n {
		if i%2 == 0 {
			opening.WriteString("[1, ")
			ends = append(ends, "]")
		} else {
			opening.WriteString(`{"a": 1, "b": `)
			ends = append(ends, "}")
		}
	}
	for i := range ends {
		closing.WriteString(ends[len(ends)-1-i])
	}
	return opening.String() + inner + closing.String()
}

// A message has 64 levels at most, two of which are the message and its argument list. An order's or an admin
// event's payload is the argument.
//
// Acceptance.
func TestOutboxRefusesWhatEndsClients(t *testing.T) {
	t.Parallel()
	b := setup(t)
	payload := func(value string) []fixture.Columns {
		return []fixture.Columns{
			of("OrderPlaced", `{"orderNumber": "YZ-1", "status": "Placed", "more": `+value+`}`),
			of("OrderPlaced",
				`{"orderNumber": "YZ-1", "status": "Placed", "more": `+value+`, "padding": "`+strings.Repeat("x", 5000)+`"}`),
			of("OrderPlaced",
				`{"orderNumber": "YZ-1", "status": "Placed", "deliveredAt": "2025-01-20T10:05:00Z", "more": `+value+`}`),
			of("CartUpdated", `{"more": `+value+`}`),
			of("SystemAlert", `{"type": "info", "message": "m", "data": {}, "more": `+value+`}`),
		}
	}
	const most = 61 // the payload itself is one
	for _, inner := range []string{"1", `"x"`, "null"} {
		for _, row := range payload(deep(most, inner)) {
			_, err := fixture.Insert(t, b.Pool, row)
			require.NoError(t, err, row)
		}
		for _, row := range payload(deep(most+1, inner)) {
			_, err := fixture.Insert(t, b.Pool, row)
			requireRefused(t, err,
				"herald.outbox: payload is nested deeper than 62 levels, itself included; clients do not read it",
				"Send ids and let the client fetch what is nested.")
		}
	}
	for _, inner := range []string{"[]", "{}"} {
		for _, row := range payload(deep(most, inner)) {
			_, err := fixture.Insert(t, b.Pool, row)
			requireRefused(t, err,
				"herald.outbox: payload is nested deeper than 62 levels, itself included; clients do not read it",
				"Send ids and let the client fetch what is nested.")
		}
	}
	for _, value := range []string{
		`{"__proto__": 1}`, `[[{"a": {"\u005f_pro\u0074o__": null}}]]`,
		deep(58, `[{"__proto__": []}]`),
	} {
		for _, row := range payload(value) {
			_, err := fixture.Insert(t, b.Pool, row)
			requireRefused(t, err, "herald.outbox: payload has a key named __proto__, which ends clients",
				"Give the key another name.")
		}
	}
	for _, value := range []string{`"__proto__"`, `{"___proto___": ["__proto__"]}`, `{"a\"__proto__": 1}`} {
		for _, row := range payload(value) {
			_, err := fixture.Insert(t, b.Pool, row)
			require.NoError(t, err, row)
		}
	}
}

// The outbox and the relay judge payloads by one table. The outbox takes random values in every field of every type
// if, and only if, the relay turns them into messages. A refusal names every wrong field.
//
// Acceptance.
func TestTheOutboxJudgesAsTheRelayDoes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := map[event.FieldKind][]string{
		event.KindText: {`"text"`}, event.KindWord: {`"text"`}, event.KindTime: {`"2025-01-20T10:05:00.123456Z"`},
		event.KindUUID: {`"f47ac10b-58cc-4372-a567-0e02b2c3d479"`}, event.KindCount: {"1"}, event.KindAmount: {"1.5"},
		event.KindNumber: {"-1"},
		event.KindObject: {`{"a": [1]}`}, event.KindShort: {`"short"`, "5"},
	}
	odd := []string{
		"null", `""`, `" "`, `"\u00a0"`, `"\u000b"`, "0", "-1", "1.5", "1.0", "1e400", "1e-400", "9007199254740992", "true",
		"[]", "{}", `"2025-02-29T10:05:00Z"`,
		`"2025-01-20T24:00:00Z"`, `"2025-01-20T10:05:60.000000Z"`, `"2025-00-20T10:05:00.000000Z"`,
		`"0000-01-20T10:05:00.000000Z"`,
		`"9999-12-31T23:59:59-01:00"`, `"0001-01-01T00:00:00+00:00"`, `"2025-01-20t10:05:00z"`, `"2025-01-20T10:05:00,5Z"`,
		`"2025-01-20 10:05:00Z"`,
		`"2025-01-20T10:05:00Z,"`, `"2025-01-20T10:05:00+16:00"`, `"F47AC10B58CC4372A5670E02B2C3D479"`,
		`"{F47AC10B-58CC-4372-A567-0E02B2C3D479}"`,
		`"urn:uuid:f47ac10b-58cc-4372-a567-0e02b2c3d479"`, `"00000000-0000-0000-0000-000000000000"`,
		`"f47a-c10b-58cc-4372-a567-0e02-b2c3-d479-"`, `"ü"`,
		`"2024-02-29T10:05:00.1+14:00"`, `"` + strings.Repeat("ü", 256) + `"`, `"` + strings.Repeat("x", 257) + `"`,
	}
	types := event.Types()
	taken, rows := 0, 2000
	tx := b.Begin(t)
	for range rows {
		eventType := types[rand.IntN(len(types))]
		forms := append(eventType.Forms(), "")
		form := forms[rand.IntN(len(forms))]
		fields, data := []string{`"more": {"type": 1}`}, []string{}
		for i, f := range eventType.Fields() {
			values := slices.Concat(good[f.Kind], quoted(f.Values))
			if i == 0 && form != "" {
				values = []string{`"` + form + `"`}
			}
			value := values[rand.IntN(len(values))]
			switch p := rand.Float64(); {
			case p > 0.95:
				continue
			case p > 0.85:
				value = odd[rand.IntN(len(odd))]
			}
			if name, member := strings.CutPrefix(f.Name, "data."); member {
				data = append(data, fmt.Sprintf("%q: %s", name, value))
			} else if f.Form == "" || f.Form == form {
				fields = append(fields, fmt.Sprintf("%q: %s", f.Name, value))
			}
		}
		if len(data) > 0 && rand.IntN(2) == 0 { // a name twice: the last one counts
			fields = append(fields, `"data": {`+strings.Join(data, ", ")+"}")
		}
		payload := "{" + strings.Join(fields, ", ") + "}"
		e := event.Event{
			Type: eventType, ResourceID: fixture.OrderID, RestaurantID: fixture.RestaurantID,
			Payload: json.RawMessage(fixture.Scan[string](t, tx, "SELECT $1::text::jsonb::text", payload)),
		}
		_, judged := e.Groups()
		part, err := tx.Begin(t.Context())
		require.NoError(t, err)
		_, err = fixture.Insert(t, part, of(string(eventType), payload))
		if err == nil {
			require.NoError(t, judged, "%s %s", eventType, payload)
			require.NoError(t, part.Commit(t.Context()))
			taken++
			continue
		}
		refused, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, "23514", refused.Code, "%s %s: %v", eventType, payload, err)
		require.NoError(t, part.Rollback(t.Context()))
		require.Error(t, judged, "%s %s: %v", eventType, payload, err)
		for _, f := range eventType.Fields() {
			named := func(text, before string) bool {
				return strings.Contains(text, before+f.Name+" ") || strings.Contains(text, before+f.Name+":")
			}
			require.Equal(t, named(judged.Error(), "payload: ") || named(judged.Error(), "; "),
				named(refused.Message, "payload has ") || named(refused.Message, "payload has no ") ||
					named(refused.Message+" ", "payload has an empty ") ||
					strings.Contains(refused.Message+";", "payload has an empty "+f.Name+";"), "%s %s: %v, %v", f.Name, payload,
				judged, err)
		}
	}
	require.Greater(t, taken, rows/5)
	require.Less(t, taken, rows)
}

func quoted(words []string) (all []string) {
	for _, w := range words {
		all = append(all, `"`+w+`"`)
	}
	return all
}

// The table in SQL equals the one in Go: the same types take the same fields in the same order.
//
// Acceptance: A-505.
func TestBothTablesOfFieldsAreOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows, err := b.Pool.Query(t.Context(),
		`SELECT f."of", concat(f.inside || '.', f.name), f.kind, coalesce(f.words, '{}'), f.optional FROM herald.payload_fields() f ORDER BY f.n`)
	require.NoError(t, err)
	type row struct {
		Of, Name, Kind string
		Words          []string
		Optional       bool
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	require.NoError(t, err)
	var want []row
	for _, eventType := range event.Types() {
		if eventType.Family() == event.Order && eventType != event.Order.First() {
			continue // all order events take the same
		}
		for _, f := range eventType.Fields() {
			of := cmp.Or(f.Form, string(eventType))
			if eventType.Family() == event.Order {
				of = "order"
			}
			want = append(want, row{of, f.Name, string(f.Kind), append([]string{}, f.Values...), f.Optional})
		}
	}
	byType := func(a, b row) int { return cmp.Compare(a.Of, b.Of) } // the fields of each in their order
	slices.SortStableFunc(want, byType)
	slices.SortStableFunc(got, byType)
	require.Equal(t, want, got)
}
