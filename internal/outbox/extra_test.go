package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/test/fixture"
	"github.com/yummyzoom/herald/internal/test/pgtest"
	"github.com/yummyzoom/herald/migrations"
)

// Further fields of a payload stand beside the event's own, and replace none.
//
// Acceptance: A-506.
func TestExtraFields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const own = `"orderNumber": "YZ-1", "status": "Placed", "lastUpdateTimestamp": "2025-01-20T10:05:00.000000Z", "actualDeliveryTime": null`
	const when = "occurred_on_utc => '2025-01-20T10:05:00Z'"
	orderCall := "publish_order_event('OrderPlaced', '" + fixture.OrderID.String() + "', 'YZ-1', 'Placed', '" + fixture.RestaurantID.String() + "', 'user-1', " + when + ", extra => "
	cartCall := func(arguments string) string {
		return "publish_teamcart_event(" + strings.Replace(arguments, ",", ", '"+fixture.CartID.String()+"',", 1) + ", extra => "
	}
	for _, test := range []struct{ call, extra, payload string }{
		{orderCall, `{"total": 12.50, "items": [{"sku": "A"}]}`, `{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": null, "total": 12.50, "items": [{"sku": "A"}]}`},
		{orderCall, `{"status": "mine", "deliveredAt": "yesterday", "Status": "other", "eventId": 1}`, `{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": null, "Status": "other", "eventId": 1}`},
		{strings.Replace(orderCall, when, when+", delivered_at => '2025-01-20T17:05:00+07'", 1), `{"a": 1}`, `{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": "2025-01-20T10:05:00.000000Z", "a": 1}`},
		{orderCall, `{}`, `{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": null}`},
		{orderCall, `null`, `{` + own + `, "estimatedDeliveryTime": null, "deliveredAt": null}`},
		{cartCall("'CartUpdated', user_id => NULL"), `{"items": 3, "userId": "mine", "status": 1}`, `{"items": 3}`},
		{cartCall("'CartPaymentEvent', 'u', 'Paid'"), `{"amount": 5, "userId": "mine"}`, `{"userId": "u", "status": "Paid", "amount": 5}`},
		{cartCall("'CartConverted', order_id => '" + fixture.OrderID.String() + "'"), `null`, `{"orderId": "` + fixture.OrderID.String() + `"}`},
	} {
		row := b.written(t, fixture.Scan[uuid.UUID](t, b.Pool, "SELECT herald."+test.call+"$1::text::jsonb)", test.extra))
		require.JSONEq(t, test.payload, string(row.Payload), test.call)
	}
	row := b.written(t, fixture.Scan[uuid.UUID](t, b.Pool, "SELECT herald."+orderCall+"NULL)"))
	require.JSONEq(t, `{`+own+`, "estimatedDeliveryTime": null, "deliveredAt": null}`, string(row.Payload))
}

// A trace context never keeps an event from being published, whatever it says, unless it has no end.
//
// Acceptance: A-507.
func TestTraceContexts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, trace := range []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "no trace context", "", strings.Repeat("t", 512)} {
		for _, call := range []string{
			"publish_order_event('OrderPlaced', $2, 'YZ-1', 'Placed', $3, 'user-1', traceparent => $1)",
			"publish_order_event('OrderPlaced', $2, 'YZ-1', 'Placed', $3, 'user-1', 'Both', now(), traceparent => $1)",
			"publish_order_event('OrderPlaced', $2, 'YZ-1', 'Placed', $3, 'user-1', extra => '{}', traceparent => $1)",
			"publish_teamcart_event('CartPaymentEvent', $2, $3::text, 'Paid', traceparent => $1)",
			"publish_teamcart_event('CartPaymentEvent', $2, $3::text, 'Paid', extra => '{}', traceparent => $1)",
			"publish_admin_event('SystemAlert', jsonb_build_object('type', 'info', 'message', concat($2::text, $3::text)), traceparent => $1)",
		} {
			row := b.written(t, fixture.Scan[uuid.UUID](t, b.Pool, "SELECT herald."+strings.NewReplacer("$2", "$2::text::uuid", "$3::text", "$3::text", "$3,", "$3::text::uuid,").Replace(call), trace, fixture.OrderID.String(), fixture.RestaurantID.String()))
			require.NotNil(t, row.Traceparent, call)
			require.Equal(t, trace, *row.Traceparent, call)
		}
	}
}

// What is wrong is told alike by a function and by an insert: code, constraint, hint, and the message but for the argument's name.
//
// Acceptance: A-504.
func TestFunctionAndInsertAnswerAlike(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, test := range []struct{ call, insert string }{
		{"publish_order_event('OrderPlaced', gen_random_uuid(), 'n', 's', NULL, 'u')", `(event_type, resource_id, customer_id, payload) VALUES ('OrderPlaced', gen_random_uuid(), 'u', '{"orderNumber": "n", "status": "s"}')`},
		{"publish_order_event('OrderPlaced', gen_random_uuid(), 'n', 's', gen_random_uuid(), audience => 'Nobody')", `(event_type, resource_id, restaurant_id, audience, payload) VALUES ('OrderPlaced', gen_random_uuid(), gen_random_uuid(), 'Nobody', '{"orderNumber": "n", "status": "s"}')`},
		{"publish_order_event('Banana', gen_random_uuid(), 'n', 's', gen_random_uuid(), 'u')", `(event_type, resource_id, restaurant_id, customer_id) VALUES ('Banana', gen_random_uuid(), gen_random_uuid(), 'u')`},
		{"publish_teamcart_event('Banana')", `(event_type) VALUES ('Banana')`},
		{"publish_admin_event('Banana', '{}')", `(event_type) VALUES ('Banana')`},
		{`publish_admin_event('SystemAlert', '{"Type": "info"}', deliver_after => 'infinity')`, `(event_type, payload, deliver_after) VALUES ('SystemAlert', '{"Type": "info"}', 'infinity')`},
		{`publish_admin_event('AdminNotification', '{"type": "role-assignment", "action": "banana"}')`, `(event_type, payload) VALUES ('AdminNotification', '{"type": "role-assignment", "action": "banana"}')`},
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

// What depends on the functions of the release before goes on, and whoever may call them may call these; what calls them by name meets these, in a
// session that has prepared the call before, too.
//
// Acceptance: A-509.
func TestProducersOfTheReleaseBeforeGoOn(t *testing.T) {
	t.Parallel()
	const before = 20
	db := pgtest.NewEmpty(t)
	b := &bundle{fixture.On(t, db)}
	logger := slog.New(slog.DiscardHandler)
	_, err := postgres.Migrate(t.Context(), b.Pool, upTo(t, before), logger)
	require.NoError(t, err)
	shop := b.Login(t)
	b.Exec(t, `GRANT USAGE ON SCHEMA herald TO `+shop.Config().User+`;
		GRANT INSERT (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent)
			ON herald.outbox TO `+shop.Config().User+`;
		GRANT EXECUTE ON FUNCTION herald.publish_teamcart_event(text, uuid, text, text, uuid, timestamptz, uuid, timestamptz) TO `+shop.Config().User+`;
		CREATE VIEW public.published AS SELECT herald.publish_teamcart_event('CartUpdated', '`+fixture.CartID.String()+`') AS event_id;
		CREATE FUNCTION public.placed(n text) RETURNS uuid LANGUAGE sql
			BEGIN ATOMIC SELECT herald.publish_order_event('OrderPlaced', '`+fixture.OrderID.String()+`', n, 'Placed', '`+fixture.RestaurantID.String()+`', 'user-1'); END`)
	t.Cleanup(func() {
		_, err := b.Pool.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+shop.Config().User)
		require.NoError(t, err)
	})
	const call = "SELECT herald.publish_order_event('OrderPlaced', $1, $2, 'Placed', $3, customer_id => 'user-1', event_id => $4)"
	conn := b.Conn(t)
	_, err = conn.Prepare(t.Context(), "publish", call)
	require.NoError(t, err)
	publish := func() {
		t.Helper()
		own := uuid.New()
		require.Equal(t, own, fixture.Scan[uuid.UUID](t, conn, "publish", fixture.OrderID, "YZ-1", fixture.RestaurantID, own))
		require.Equal(t, fixture.Customer, *b.written(t, own).CustomerID)
		require.NotZero(t, fixture.Scan[uuid.UUID](t, conn, "SELECT event_id FROM public.published"))
		require.NotZero(t, fixture.Scan[uuid.UUID](t, conn, "SELECT public.placed('YZ-2')"))
	}
	publish()
	_, err = postgres.Migrate(t.Context(), b.Pool, migrations.FS, logger)
	require.NoError(t, err)
	publish()
	require.True(t, fixture.Scan[bool](t, b.Pool, `SELECT has_function_privilege($1, 'herald.publish_teamcart_event(text, uuid, text, text, uuid, timestamptz, uuid, timestamptz, jsonb, text)', 'EXECUTE')
		AND NOT has_function_privilege($1, 'herald.publish_admin_event(text, jsonb, timestamptz, uuid, timestamptz, text)', 'EXECUTE')`, shop.Config().User))
}
