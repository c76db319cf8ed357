package outbox_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// The catalogue's types, which are those of SQL.
var (
	orderTypes = typesOf(event.Order)
	cartTypes  = typesOf(event.TeamCart)
	adminTypes = typesOf(event.Admin)
)

const ownTypes = "Types of your own will be declared in Herald's catalogue of events and published by herald.publish_event, " +
	"which this release does not have yet."

func typesOf(family event.Family) string {
	var names []string
	for _, t := range event.Types() {
		if t.Family() == family {
			names = append(names, string(t))
		}
	}
	return strings.Join(names, ", ")
}

// payloadOf is an object whose text has that many bytes.
func payloadOf(bytes int) string {
	const frame = `{"a": ""}`
	return `{"a": "` + strings.Repeat("x", bytes-len(frame)) + `"}`
}

func requireRefused(t *testing.T, err error, message, hint string) {
	t.Helper()
	refused, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, message, refused.Message)
	require.Equal(t, hint, refused.Hint)
	require.Equal(t, "23514", refused.Code, "check_violation")
}

// Acceptance.
func TestOutboxRefusesWhatCannotBeDelivered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, test := range map[string]struct {
		row           fixture.Columns
		message, hint string
	}{
		"unknown type": {
			fixture.Admin(fixture.Columns{"event_type": "OrderEaten"}),
			"unknown event_type 'OrderEaten'",
			"Use one of " + orderTypes + ", " + cartTypes + ", " + adminTypes + ". " + ownTypes,
		},
		"type in another casing": {
			fixture.Order(fixture.Columns{"event_type": "orderplaced"}),
			"unknown event_type 'orderplaced'",
			"Use one of " + orderTypes + ", " + cartTypes + ", " + adminTypes + ". " + ownTypes,
		},
		"order without its id": {
			fixture.Order(fixture.Columns{"resource_id": nil}),
			"resource_id is missing: an event of type OrderPlaced needs the id of its order", "Set resource_id.",
		},
		"cart without its id": {
			fixture.Cart(fixture.Columns{"resource_id": nil}),
			"resource_id is missing: an event of type CartUpdated needs the id of its team cart", "Set resource_id.",
		},
		"order without its restaurant": {
			fixture.Order(fixture.Columns{"restaurant_id": nil}),
			"restaurant_id is missing: an event of type OrderPlaced needs the id of the order's restaurant",
			"Set restaurant_id.",
		},
		"order without its customer": {
			fixture.Order(fixture.Columns{"customer_id": nil}),
			"customer_id is missing: an event of type OrderPlaced for audience Both needs the id of the user who placed the order",
			"Set customer_id, or audience to Restaurant.",
		},
		"order for the customer without one": {
			fixture.Order(fixture.Columns{"customer_id": "", "audience": "Customer"}),
			"customer_id is missing: an event of type OrderPlaced for audience Customer needs the id of the user who placed the order",
			"Set customer_id, or audience to Restaurant.",
		},
		"unknown audience": {
			fixture.Order(fixture.Columns{"audience": "Everybody"}),
			"unknown audience 'Everybody'", "Use Restaurant, Customer or Both.",
		},
		"no audience": {
			fixture.Order(fixture.Columns{"audience": nil}),
			"unknown audience null", "Use Restaurant, Customer or Both.",
		},
		"long customer id": {
			fixture.Order(fixture.Columns{"customer_id": strings.Repeat("ü", 257)}),
			"customer_id has 257 characters; at most 256 are allowed",
			"Use the id that the user's token carries in its sub claim.",
		},
		"long customer id that nobody needs": {
			fixture.Cart(fixture.Columns{"customer_id": strings.Repeat("u", 257)}),
			"customer_id has 257 characters; at most 256 are allowed",
			"Use the id that the user's token carries in its sub claim.",
		},
		"array as payload": {
			fixture.Admin(fixture.Columns{"payload": `[1]`}),
			"payload is array, not a JSON object", "Pass the event's own fields as an object with camelCase keys, or '{}'.",
		},
		"JSON null as payload": {
			fixture.Cart(fixture.Columns{"payload": `null`}),
			"payload is null, not a JSON object", "Pass the event's own fields as an object with camelCase keys, or '{}'.",
		},
		"oversized payload": {
			fixture.Cart(fixture.Columns{"payload": payloadOf(65537)}),
			"payload has 65537 bytes; at most 65536 (64 KiB) are allowed", "Send ids and let the client fetch what is large.",
		},
		"it happened in the infinite future": {
			fixture.Cart(fixture.Columns{"occurred_on_utc": "infinity"}),
			"occurred_on_utc infinity is not a time between the years 1 and 9999",
			"Leave occurred_on_utc out for the current time.",
		},
		"it happened in the infinite past": {
			fixture.Order(fixture.Columns{"occurred_on_utc": "-infinity"}),
			"occurred_on_utc -infinity is not a time between the years 1 and 9999",
			"Leave occurred_on_utc out for the current time.",
		},
		"it happened too late": {
			fixture.Admin(fixture.Columns{"occurred_on_utc": "10000-01-01 00:00:00+00"}),
			"occurred_on_utc 10000-01-01 00:00:00+00 is not a time between the years 1 and 9999",
			"Leave occurred_on_utc out for the current time.",
		},
		"it happened before Christ": {
			fixture.Admin(fixture.Columns{"occurred_on_utc": "0044-03-15 12:00:00+00 BC"}),
			"occurred_on_utc 0044-03-15 12:00:00+00 BC is not a time between the years 1 and 9999",
			"Leave occurred_on_utc out for the current time.",
		},
		"never to be delivered": {
			fixture.Order(fixture.Columns{"deliver_after": "infinity"}),
			"deliver_after infinity is not a time between the years 1 and 9999", "Leave deliver_after null to deliver at once.",
		},
		"to be delivered since ever": {
			fixture.Cart(fixture.Columns{"deliver_after": "-infinity"}),
			"deliver_after -infinity is not a time between the years 1 and 9999",
			"Leave deliver_after null to deliver at once.",
		},
		"long trace context": {
			fixture.Cart(fixture.Columns{"traceparent": strings.Repeat("0", 513)}),
			"traceparent has 513 characters; at most 512 are allowed", "Pass a W3C trace context, or null.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx := b.Begin(t)
			_, err := tx.Exec(t.Context(), "SET LOCAL timezone = 'UTC'")
			require.NoError(t, err)
			_, err = fixture.Insert(t, tx, test.row)
			requireRefused(t, err, "herald.outbox: "+test.message, test.hint)
		})
	}
}

// Acceptance: A-330.
func TestOutboxTakesWhatIsJustAllowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, row := range map[string]fixture.Columns{
		"payload of 64 KiB":             fixture.Cart(fixture.Columns{"payload": payloadOf(65536)}),
		"customer id of 256 characters": fixture.Order(fixture.Columns{"customer_id": strings.Repeat("ü", 256)}),
		"for the restaurant without a customer": fixture.Order(fixture.Columns{
			"customer_id": nil,
			"audience":    "Restaurant",
		}),
		"for the customer":                 fixture.Order(fixture.Columns{"audience": "Customer"}),
		"no payload":                       fixture.Cart(),
		"an audience that means nothing":   fixture.Cart(fixture.Columns{"audience": "Everybody"}),
		"no audience where none is needed": fixture.Admin(fixture.Columns{"audience": nil}),
		"the first microsecond": fixture.Cart(
			fixture.Columns{"occurred_on_utc": "0001-01-01 00:00:00+00"}),
		"the last microsecond": fixture.Cart(
			fixture.Columns{"occurred_on_utc": "9999-12-31 23:59:59.999999+00"}),
		"delivered after a time that is long ago": fixture.Cart(fixture.Columns{"deliver_after": "0001-01-01 00:00:00+00"}),
		"trace context of 512 characters":         fixture.Cart(fixture.Columns{"traceparent": strings.Repeat("0", 512)}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := fixture.Insert(t, b.Pool, row)
			require.NoError(t, err)
		})
	}
}

// The table and the SQL functions take every type of the catalogue, with the least that it needs and with all that
// it takes.
//
// Acceptance.
func TestEveryEventTypeIsTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	calls := map[event.Family]string{
		event.Order: `herald.publish_order_event($1, gen_random_uuid(), $2::jsonb ->> 'orderNumber', $2::jsonb ->> 'status',
			gen_random_uuid(), 'user-1')`,
		event.TeamCart: `herald.publish_teamcart_event($1, gen_random_uuid(), user_id => $2::jsonb ->> 'userId',
			status => $2::jsonb ->> 'status', order_id => ($2::jsonb ->> 'orderId')::uuid,
			extra => $2::jsonb - '{userId,status,orderId}'::text[])`,
		event.Admin: `herald.publish_admin_event($1, $2)`,
	}
	for _, eventType := range event.Types() {
		for _, form := range eventType.Forms() {
			for _, full := range []bool{false, true} {
				payload := string(eventType.Example(form, full))
				_, err := fixture.Insert(t, b.Pool, of(string(eventType), payload))
				require.NoError(t, err, eventType)
				_, err = b.Pool.Exec(t.Context(), "SELECT "+calls[eventType.Family()], string(eventType), payload)
				require.NoError(t, err, eventType)
			}
		}
	}
}

// An argument that does not stand for a value gets PostgreSQL's own refusal, which names the column.
func TestColumnsThatCannotBeNull(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, column := range []string{"event_id", "event_type", "payload", "occurred_on_utc"} {
		_, err := fixture.Insert(t, b.Pool, fixture.Order(fixture.Columns{column: nil}))
		refused, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok, "%s: %v", column, err)
		require.Equal(t, "23502", refused.Code, "not_null_violation")
		require.Equal(t, column, refused.ColumnName)
	}
}

// The functions refuse what the table refuses, in the table's words. What only they can know they refuse in words of
// their own.
//
// Acceptance.
func TestPublishFunctionsRefuse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// The arguments that a call passes in place of its defaults, by name.
	orderCall := func(argument, value string) string {
		arguments := map[string]string{
			"event_type": "'OrderPlaced'", "order_id": quote(fixture.OrderID), "order_number": "'YZ-1'", "status": "'Placed'",
			"restaurant_id": quote(fixture.RestaurantID), "customer_id": "'user-1'",
		}
		return call("publish_order_event", arguments, argument, value)
	}
	cartCall := func(eventType, argument, value string) string {
		return call("publish_teamcart_event",
			map[string]string{"event_type": "'" + eventType + "'", "team_cart_id": quote(fixture.CartID)}, argument, value)
	}
	adminCall := func(argument, value string) string {
		return call("publish_admin_event",
			map[string]string{"event_type": "'RevenueUpdate'", "payload": `'{"dailyRevenue": 1, "totalRevenue30d": 2}'`},
			argument, value)
	}
	const (
		objectHint  = "Pass the event's own fields as an object with camelCase keys, or '{}'."
		timeHint    = "Leave occurred_on_utc out for the current time."
		sizeHint    = "Send ids and let the client fetch what is large."
		deliverHint = "Leave deliver_after null to deliver at once."
		rangeHint   = "Pass null for a time that is not known."
		familyHint  = "; each family of events has a publish function of its own."
	)
	orderHint := "Use one of " + orderTypes + familyHint
	cartHint := "Use one of " + cartTypes + familyHint
	adminHint := "Use one of " + adminTypes + familyHint
	for _, test := range []struct{ name, sql, message, hint string }{
		{
			"order: no type", orderCall("event_type", "NULL"), "herald.outbox: event_type is missing",
			"Use one of " + orderTypes + ".",
		},
		{
			"order: another family's type", orderCall("event_type", "'CartLocked'"),
			"herald.publish_order_event: 'CartLocked' is not an order event", orderHint,
		},
		{
			"order: no order", orderCall("order_id", "NULL"),
			"herald.outbox: order_id is missing: an event of type OrderPlaced needs the id of its order", "Set order_id.",
		},
		{
			"order: no number", orderCall("order_number", "NULL"),
			"herald.outbox: order_number is missing: an event of type OrderPlaced needs it",
			"Set order_number to a string that is not empty.",
		},
		{
			"order: no status", orderCall("status", "NULL"),
			"herald.outbox: status is missing: an event of type OrderPlaced needs it",
			"Set status to a string that is not empty.",
		},
		{
			"order: no restaurant", orderCall("restaurant_id", "NULL"),
			"herald.outbox: restaurant_id is missing: an event of type OrderPlaced needs the id of the order's restaurant",
			"Set restaurant_id.",
		},
		{
			"order: no customer", orderCall("customer_id", "NULL"),
			"herald.outbox: customer_id is missing: an event of type OrderPlaced for audience Both needs the id of the user who placed the order", "Set customer_id, or audience to Restaurant.",
		},
		{
			"order: long customer id", orderCall("customer_id", "repeat('u', 257)"),
			"herald.outbox: customer_id has 257 characters; at most 256 are allowed",
			"Use the id that the user's token carries in its sub claim.",
		},
		{
			"order: unknown audience", orderCall("audience", "'Everybody'"), "herald.outbox: unknown audience 'Everybody'",
			"Use Restaurant, Customer or Both.",
		},
		{
			"order: infinite occurrence", orderCall("occurred_on_utc", "'infinity'"),
			"herald.outbox: occurred_on_utc infinity is not a time between the years 1 and 9999", timeHint,
		},
		{
			"order: infinite delivery", orderCall("deliver_after", "'infinity'"),
			"herald.outbox: deliver_after infinity is not a time between the years 1 and 9999", deliverHint,
		},
		{
			"order: infinite estimate", orderCall("estimated_delivery_time", "'infinity'"),
			"herald.outbox: estimated_delivery_time infinity is not a time between the years 1 and 9999", rangeHint,
		},
		{
			"order: infinite delivery time", orderCall("actual_delivery_time", "'-infinity'"),
			"herald.outbox: actual_delivery_time -infinity is not a time between the years 1 and 9999", rangeHint,
		},
		{
			"order: delivered too late", orderCall("delivered_at", "'10000-01-01 00:00:00+00'"),
			"herald.outbox: delivered_at 10000-01-01 00:00:00+00 is not a time between the years 1 and 9999", rangeHint,
		},
		{
			"order: updated before Christ", orderCall("last_update_timestamp", "'0044-03-15 12:00:00+00 BC'"),
			"herald.outbox: last_update_timestamp 0044-03-15 12:00:00+00 BC is not a time between the years 1 and 9999",
			rangeHint,
		},
		{
			"cart: no type", cartCall("CartUpdated", "event_type", "NULL"), "herald.outbox: event_type is missing",
			"Use one of " + cartTypes + ".",
		},
		{
			"cart: another family's type", cartCall("OrderPlaced", "user_id", "NULL"),
			"herald.publish_teamcart_event: 'OrderPlaced' is not a team cart event", cartHint,
		},
		{
			"cart: no cart", cartCall("CartLocked", "team_cart_id", "NULL"),
			"herald.outbox: team_cart_id is missing: an event of type CartLocked needs the id of its team cart",
			"Set team_cart_id.",
		},
		{
			"cart: payment without its user", cartCall("CartPaymentEvent", "status", "'Paid'"),
			"herald.outbox: user_id is missing: an event of type CartPaymentEvent needs it",
			"Set user_id to a string that is not empty.",
		},
		{
			"cart: payment without its status", cartCall("CartPaymentEvent", "user_id", "'user-1'"),
			"herald.outbox: status is missing: an event of type CartPaymentEvent needs it",
			"Set status to a string that is not empty.",
		},
		{
			"cart: conversion without its order", cartCall("CartConverted", "order_id", "NULL"),
			"herald.outbox: order_id is missing: an event of type CartConverted needs it",
			"Set order_id to a UUID, and not the all-zero one.",
		},
		{
			"cart: oversized status", cartCall("CartUpdated", "status", "repeat('x', 65537 - 14)"),
			"herald.outbox: payload has 65537 bytes; at most 65536 (64 KiB) are allowed", sizeHint,
		},
		{
			"cart: infinite occurrence", cartCall("CartUpdated", "occurred_on_utc", "'-infinity'"),
			"herald.outbox: occurred_on_utc -infinity is not a time between the years 1 and 9999", timeHint,
		},
		{
			"cart: infinite delivery", cartCall("CartUpdated", "deliver_after", "'infinity'"),
			"herald.outbox: deliver_after infinity is not a time between the years 1 and 9999", deliverHint,
		},
		{
			"admin: no type", adminCall("event_type", "NULL"), "herald.outbox: event_type is missing",
			"Use one of " + adminTypes + ".",
		},
		{
			"admin: another family's type", adminCall("event_type", "'OrderPlaced'"),
			"herald.publish_admin_event: 'OrderPlaced' is not an admin event", adminHint,
		},
		{
			"admin: Herald's own type", adminCall("event_type", "'AccessRevoked'"),
			"herald.publish_admin_event: 'AccessRevoked' is not an admin event", adminHint,
		},
		{
			"admin: string as payload", adminCall("payload", `'"text"'`), "herald.outbox: payload is string, not a JSON object",
			objectHint,
		},
		{
			"admin: JSON null as payload", adminCall("payload", `'null'`), "herald.outbox: payload is null, not a JSON object",
			objectHint,
		},
		{
			"admin: oversized payload",
			adminCall("payload", `jsonb_build_object('dailyRevenue', 1, 'totalRevenue30d', 2, 'a', repeat('x', 65537 - 50))`),
			"herald.outbox: payload has 65537 bytes; at most 65536 (64 KiB) are allowed", sizeHint,
		},
		{
			"order: an empty number", orderCall("order_number", "' '"), "herald.outbox: order_number is empty",
			"Set order_number to a string that is not empty.",
		},
		{
			"order: an unknown type", orderCall("event_type", "'Banana'"), "herald.outbox: unknown event_type 'Banana'",
			"Use one of " + orderTypes + ", " + cartTypes + ", " + adminTypes + ". " + ownTypes,
		},
		{
			"order: extra is a list", orderCall("extra", "'[1]'"), "herald.outbox: extra is not a JSON object",
			"Pass further fields of the payload as an object, or null.",
		},
		{
			"order: extra is a text", orderCall("extra", `'"text"'`), "herald.outbox: extra is not a JSON object",
			"Pass further fields of the payload as an object, or null.",
		},
		{
			"order: extra ends clients", orderCall("extra", `'{"__proto__": 1}'`),
			"herald.outbox: payload has a key named __proto__, which ends clients", "Give the key another name.",
		},
		{
			"order: a long trace context", orderCall("traceparent", "repeat('t', 513)"),
			"herald.outbox: traceparent has 513 characters; at most 512 are allowed", "Pass a W3C trace context, or null.",
		},
		{
			"cart: a status only in extra",
			"SELECT herald.publish_teamcart_event('CartPaymentEvent', " +
				quote(fixture.CartID) + `, 'user-1', extra => '{"status": "Paid"}')`,
			"herald.outbox: status is missing: an event of type CartPaymentEvent needs it",
			"Set status to a string that is not empty.",
		},
		{
			"cart: conversion to no order", cartCall("CartConverted", "order_id", "'00000000-0000-0000-0000-000000000000'"),
			"herald.outbox: order_id is missing: the all-zero UUID is an id that was not set",
			"Set order_id to a UUID, and not the all-zero one.",
		},
		{
			"admin: no payload", adminCall("payload", "NULL"), "herald.outbox: payload is missing",
			"Pass the event's own fields as an object with camelCase keys.",
		},
		{
			"admin: nothing", "SELECT herald.publish_admin_event()", "herald.outbox: event_type is missing; payload is missing",
			"Pass the event's own fields as an object with camelCase keys.",
		},
		{
			"cart: nothing", "SELECT herald.publish_teamcart_event()",
			"herald.outbox: event_type is missing; team_cart_id is missing: an event of type CartUpdated needs the id of its team cart", "Use one of " + cartTypes + ". Set team_cart_id.",
		},
		{
			"order: nothing", "SELECT herald.publish_order_event()", "herald.outbox: event_type is missing; order_id is missing: an event of type OrderPlaced needs the id of its order; " +
				"restaurant_id is missing: an event of type OrderPlaced needs the id of the order's restaurant; " +
				"customer_id is missing: an event of type OrderPlaced for audience Both needs the id of the user who placed the order; " +
				"order_number is missing: an event of type OrderPlaced needs it; status is missing: an event of type OrderPlaced needs it",
			"Use one of " + orderTypes + ". Set order_id. Set restaurant_id. Set customer_id, or audience to Restaurant. " +
				"Set order_number to a string that is not empty. Set status to a string that is not empty.",
		},
		{
			"admin: infinite occurrence", adminCall("occurred_on_utc", "'infinity'"),
			"herald.outbox: occurred_on_utc infinity is not a time between the years 1 and 9999", timeHint,
		},
		{
			"admin: infinite delivery", adminCall("deliver_after", "'-infinity'"),
			"herald.outbox: deliver_after -infinity is not a time between the years 1 and 9999", deliverHint,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tx := b.Begin(t)
			_, err := tx.Exec(t.Context(), "SET LOCAL timezone = 'UTC'")
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), test.sql)
			requireRefused(t, err, test.message, test.hint)
		})
	}
}

// The order function builds its payload itself, so the test meets its limit from outside: one byte too many is
// refused.
//
// Acceptance: A-330.
func TestOrderPayloadAtItsLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	publish := `SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', repeat('x', $2), $3, 'user-1')`
	var id string
	require.NoError(t, b.Pool.QueryRow(t.Context(), publish, fixture.OrderID, 1, fixture.RestaurantID).Scan(&id))
	frame := fixture.Scan[int](t, b.Pool, "SELECT octet_length(payload::text) FROM herald.outbox WHERE event_id = $1", id)
	require.NoError(t,
		b.Pool.QueryRow(t.Context(), publish, fixture.OrderID, 65537-frame, fixture.RestaurantID).Scan(&id))
	err := b.Pool.QueryRow(t.Context(), publish, fixture.OrderID, 65538-frame, fixture.RestaurantID).Scan(&id)
	requireRefused(t, err, "herald.outbox: payload has 65537 bytes; at most 65536 (64 KiB) are allowed",
		"Send ids and let the client fetch what is large.")
}

// call is a SELECT of a function with named arguments, one of which is replaced or added.
func call(function string, arguments map[string]string, argument, value string) string {
	arguments[argument] = value
	list := make([]string, 0, len(arguments))
	for name, v := range arguments {
		list = append(list, name+" => "+v)
	}
	return fmt.Sprintf("SELECT herald.%s(%s)", function, strings.Join(list, ", "))
}

func quote(v fmt.Stringer) string { return "'" + v.String() + "'" }
