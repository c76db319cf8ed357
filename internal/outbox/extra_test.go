package outbox_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/fixture"
)

// Further fields of a payload stand beside the event's own, and replace none.
//
// Acceptance: A-506.
func TestExtraFields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const own = `"orderNumber": "YZ-1", "status": "Placed", "lastUpdateTimestamp": "2025-01-20T10:05:00.000000Z", "actualDeliveryTime": null`
	const when = "occurred_on_utc => '2025-01-20T10:05:00Z'"
	orderCall := "publish_order_event('OrderPlaced', '" + fixture.OrderID.String() + "', 'YZ-1', 'Placed', '" +
		fixture.RestaurantID.String() + "', 'user-1', " + when + ", extra => "
	cartCall := func(arguments string) string {
		return "publish_teamcart_event(" + strings.Replace(arguments, ",", ", '"+fixture.CartID.String()+"',", 1) +
			", extra => "
	}
	for _, test := range []struct{ call, extra, payload string }{
		{
			orderCall, `{"total": 12.50, "items": [{"sku": "A"}]}`,
			`{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": null, "total": 12.50, "items": [{"sku": "A"}]}`,
		},
		{
			orderCall, `{"status": "mine", "deliveredAt": "yesterday", "Status": "other", "eventId": 1}`,
			`{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": null, "Status": "other", "eventId": 1}`,
		},
		{
			strings.Replace(orderCall, when, when+", delivered_at => '2025-01-20T17:05:00+07'", 1), `{"a": 1}`,
			`{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": "2025-01-20T10:05:00.000000Z", "a": 1}`,
		},
		{orderCall, `{}`, `{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": null}`},
		{orderCall, `null`, `{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": null}`},
		{cartCall("'CartUpdated', user_id => NULL"), `{"items": 3, "userId": "mine", "status": 1}`, `{"items": 3}`},
		{
			cartCall("'CartPaymentEvent', 'u', 'Paid'"), `{"amount": 5, "userId": "mine"}`,
			`{"userId": "u", "status": "Paid", "amount": 5}`,
		},
		{
			cartCall("'CartConverted', order_id => '" + fixture.OrderID.String() + "'"), `null`,
			`{"orderId": "` + fixture.OrderID.String() + `"}`,
		},
	} {
		row := b.written(t, fixture.Scan[uuid.UUID](t, b.Pool, "SELECT herald."+test.call+"$1::text::jsonb)", test.extra))
		require.JSONEq(t, test.payload, string(row.Payload), test.call)
	}
	row := b.written(t, fixture.Scan[uuid.UUID](t, b.Pool, "SELECT herald."+orderCall+"NULL)"))
	require.JSONEq(t, `{`+own+`, "estimatedDeliveryTime": null, "deliveredAt": null}`, string(row.Payload))
}

// A trace context never stops an event from being published, whatever it says, unless it is too long.
//
// Acceptance: A-507.
func TestTraceContexts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, trace := range []string{
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "no trace context", "",
		strings.Repeat("t", 512),
	} {
		for _, call := range []string{
			"publish_order_event('OrderPlaced', $2, 'YZ-1', 'Placed', $3, 'user-1', traceparent => $1)",
			"publish_order_event('OrderPlaced', $2, 'YZ-1', 'Placed', $3, 'user-1', 'Both', now(), traceparent => $1)",
			"publish_order_event('OrderPlaced', $2, 'YZ-1', 'Placed', $3, 'user-1', extra => '{}', traceparent => $1)",
			"publish_teamcart_event('CartPaymentEvent', $2, $3::text, 'Paid', traceparent => $1)",
			"publish_teamcart_event('CartPaymentEvent', $2, $3::text, 'Paid', extra => '{}', traceparent => $1)",
			"publish_admin_event('SystemAlert', jsonb_build_object('type', 'info', 'message', concat($2::text, $3::text)), traceparent => $1)",
		} {
			row := b.written(t,
				fixture.Scan[uuid.UUID](t, b.Pool,
					"SELECT herald."+
						strings.NewReplacer("$2", "$2::text::uuid", "$3::text", "$3::text", "$3,", "$3::text::uuid,").Replace(call),
					trace,
					fixture.OrderID.String(), fixture.RestaurantID.String()))
			require.NotNil(t, row.Traceparent, call)
			require.Equal(t, trace, *row.Traceparent, call)
		}
	}
}

// A function and an insert report a fault alike: code, constraint, hint, and the message except for the argument's
// name.
//
// Acceptance: A-504.
func TestFunctionAndInsertAnswerAlike(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, test := range []struct{ call, insert string }{
		{
			"publish_order_event('OrderPlaced', gen_random_uuid(), 'n', 's', NULL, 'u')",
			`(event_type, resource_id, customer_id, payload) VALUES ('OrderPlaced', gen_random_uuid(), 'u', '{"orderNumber": "n", "status": "s"}')`,
		},
		{
			"publish_order_event('OrderPlaced', gen_random_uuid(), 'n', 's', gen_random_uuid(), audience => 'Nobody')",
			`(event_type, resource_id, restaurant_id, audience, payload) VALUES ('OrderPlaced', gen_random_uuid(), gen_random_uuid(), 'Nobody', '{"orderNumber": "n", "status": "s"}')`,
		},
		{
			"publish_order_event('Banana', gen_random_uuid(), 'n', 's', gen_random_uuid(), 'u')",
			`(event_type, resource_id, restaurant_id, customer_id) VALUES ('Banana', gen_random_uuid(), gen_random_uuid(), 'u')`,
		},
		{"publish_teamcart_event('Banana')", `(event_type) VALUES ('Banana')`},
		{"publish_admin_event('Banana', '{}')", `(event_type) VALUES ('Banana')`},
		{
			`publish_admin_event('SystemAlert', '{"Type": "info"}', deliver_after => 'infinity')`,
			`(event_type, payload, deliver_after) VALUES ('SystemAlert', '{"Type": "info"}', 'infinity')`,
		},
		{
			`publish_admin_event('AdminNotification', '{"type": "role-assignment", "action": "banana"}')`,
			`(event_type, payload) VALUES ('AdminNotification', '{"type": "role-assignment", "action": "banana"}')`,
		},
	} {
		_, byFunction := b.Pool.Exec(t.Context(), "SELECT herald."+test.call)
		_, byInsert := b.Pool.Exec(t.Context(), "INSERT INTO herald.outbox "+test.insert)
		want, ok := errors.AsType[*pgconn.PgError](byInsert)
		require.True(t, ok, "%s: %v", test.insert, byInsert)
		got, ok := errors.AsType[*pgconn.PgError](byFunction)
		require.True(t, ok, "%s: %v", test.call, byFunction)
		require.Equal(t, []string{want.Code, want.ConstraintName, want.Message, want.Hint, want.Detail},
			[]string{got.Code, got.ConstraintName, got.Message, got.Hint, got.Detail}, test.call)
	}
}
