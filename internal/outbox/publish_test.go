package outbox_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/fixture"
)

// The functions as the contract lists them: every argument by name, type and default, and the result.
//
// Acceptance.
func TestSignaturesOfTheProducersFunctions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const times = "occurred_on_utc timestamp with time zone DEFAULT NULL::timestamp with time zone, event_id uuid DEFAULT NULL::uuid, " +
		"deliver_after timestamp with time zone DEFAULT NULL::timestamp with time zone"
	const extra, trace = ", extra jsonb DEFAULT NULL::jsonb", ", traceparent text DEFAULT NULL::text"
	for name, want := range map[string]struct{ arguments, result string }{
		"publish_order_event": {
			"event_type text DEFAULT NULL::text, order_id uuid DEFAULT NULL::uuid, order_number text DEFAULT NULL::text, status text DEFAULT NULL::text, " +
				"restaurant_id uuid DEFAULT NULL::uuid, customer_id text DEFAULT NULL::text, " +
				"audience text DEFAULT 'Both'::text, " +
				"estimated_delivery_time timestamp with time zone DEFAULT NULL::timestamp with time zone, " +
				"actual_delivery_time timestamp with time zone DEFAULT NULL::timestamp with time zone, " +
				"delivered_at timestamp with time zone DEFAULT NULL::timestamp with time zone, " +
				"last_update_timestamp timestamp with time zone DEFAULT NULL::timestamp with time zone, " + times + extra + trace,
			"uuid",
		},
		"publish_teamcart_event": {
			"event_type text DEFAULT NULL::text, team_cart_id uuid DEFAULT NULL::uuid, user_id text DEFAULT NULL::text, status text DEFAULT NULL::text, order_id uuid DEFAULT NULL::uuid, " +
				times + extra + trace, "uuid",
		},
		"publish_admin_event": {
			"event_type text DEFAULT NULL::text, payload jsonb DEFAULT NULL::jsonb, " + times + trace,
			"uuid",
		},
		"set_platform_stats": {"stats jsonb", "void"},
		"grant_access":       {"policy text, resource_id uuid, user_id text", "void"},
		"revoke_access":      {"policy text, resource_id uuid, user_id text", "void"},
		"can_subscribe":      {"policy text, resource_id uuid, user_id text", "boolean"},
		"event_status": {
			"event_id uuid",
			`TABLE(status text, written_at timestamp with time zone, deliver_after timestamp with time zone, ` +
				`relayed_at timestamp with time zone, relayed_by uuid, group_name text, "position" bigint, sequence bigint, detail text, relayed_host text, outbox_seq bigint, attempts integer, ` +
				`next_attempt_at timestamp with time zone, settled_at timestamp with time zone, times_published bigint, broadcasts jsonb)`,
		},
	} {
		var arguments, result string
		require.NoError(t,
			b.Pool.QueryRow(t.Context(), `SELECT pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)
			FROM pg_proc p WHERE p.pronamespace = 'herald'::regnamespace AND p.proname = $1`, name).Scan(&arguments, &result),
			name)
		require.Equal(t, want.arguments, arguments, name)
		require.Equal(t, want.result, result, name)
	}
}

// written is an outbox row as it was stored.
type written struct {
	EventID      uuid.UUID
	EventType    string
	ResourceID   uuid.NullUUID
	RestaurantID uuid.NullUUID
	CustomerID   *string
	Audience     *string
	Payload      json.RawMessage
	OccurredOn   time.Time
	DeliverAfter *time.Time
	Traceparent  *string
	WrittenAt    time.Time
}

func (b *bundle) written(t *testing.T, id uuid.UUID) written {
	t.Helper()
	rows, err := b.Pool.Query(t.Context(),
		`SELECT event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload,
		occurred_on_utc, deliver_after, traceparent, written_at FROM herald.outbox WHERE event_id = $1`, id)
	require.NoError(t, err)
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[written])
	require.NoError(t, err)
	return row
}

// Acceptance.
func TestOrderFunctionWritesEveryArgument(t *testing.T) {
	t.Parallel()
	b := setup(t)
	own := uuid.New()
	id := fixture.Scan[uuid.UUID](t, b.Pool,
		`SELECT herald.publish_order_event(event_type => 'OrderStatusChanged', order_id => $1,
		order_number => 'YZ-"1024"', status => 'Preparing', restaurant_id => $2, customer_id => 'user-1', audience => 'Customer',
		estimated_delivery_time => '2025-01-20 17:35:00+07', actual_delivery_time => '2025-01-20 10:36:00.25+00',
		delivered_at => '2025-01-20 10:37:00+00', last_update_timestamp => '2025-01-20 10:04:00+00',
		occurred_on_utc => '2025-01-20 10:05:00+00', event_id => $3, deliver_after => '2025-01-20 10:06:00+00')`,
		fixture.OrderID, fixture.RestaurantID, own)
	require.Equal(t, own, id)
	row := b.written(t, id)
	require.Equal(t, "OrderStatusChanged", row.EventType)
	require.Equal(t, fixture.OrderID, row.ResourceID.UUID)
	require.Equal(t, fixture.RestaurantID, row.RestaurantID.UUID)
	require.Equal(t, fixture.Customer, *row.CustomerID)
	require.Equal(t, "Customer", *row.Audience)
	require.WithinDuration(t, time.Date(2025, 1, 20, 10, 5, 0, 0, time.UTC), row.OccurredOn, 0)
	require.WithinDuration(t, time.Date(2025, 1, 20, 10, 6, 0, 0, time.UTC), *row.DeliverAfter, 0)
	require.JSONEq(t,
		`{"orderNumber": "YZ-\"1024\"", "status": "Preparing", "lastUpdateTimestamp": "2025-01-20T10:04:00.000000Z",
		"estimatedDeliveryTime": "2025-01-20T10:35:00.000000Z", "actualDeliveryTime": "2025-01-20T10:36:00.250000Z",
		"deliveredAt": "2025-01-20T10:37:00.000000Z"}`, string(row.Payload))
}

// Acceptance.
func TestDefaultsOfAnOrderEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := fixture.Scan[time.Time](t, b.Pool, "SELECT clock_timestamp()")
	id := fixture.Scan[uuid.UUID](t, b.Pool,
		"SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, 'user-1', audience => NULL)",
		fixture.OrderID, fixture.RestaurantID)
	after := fixture.Scan[time.Time](t, b.Pool, "SELECT clock_timestamp()")
	row := b.written(t, id)
	require.Equal(t, "Both", *row.Audience)
	require.Nil(t, row.DeliverAfter)
	require.Nil(t, row.Traceparent)
	require.False(t, row.OccurredOn.Before(before) || row.OccurredOn.After(after))
	var payload map[string]any
	require.NoError(t, json.Unmarshal(row.Payload, &payload))
	require.Equal(t, map[string]any{
		"orderNumber": "YZ-1", "status": "Placed", "estimatedDeliveryTime": nil, "actualDeliveryTime": nil,
		"deliveredAt":         nil,
		"lastUpdateTimestamp": row.OccurredOn.UTC().Format("2006-01-02T15:04:05.000000Z"),
	}, payload, "an order is up to date when its event occurred")
}

// Whatever time zone and date style the producer's session has, the payload is in UTC.
func TestPayloadTimesDoNotDependOnTheSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.Begin(t)
	_, err := tx.Exec(t.Context(),
		"SET LOCAL timezone = 'Asia/Ho_Chi_Minh'; SET LOCAL datestyle = 'German'; SET LOCAL search_path = pg_temp")
	require.NoError(t, err)
	id := fixture.Scan[uuid.UUID](t, tx,
		`SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, 'user-1',
		last_update_timestamp => '2025-01-20T10:05:00Z')`, fixture.OrderID, fixture.RestaurantID)
	require.Equal(t, "2025-01-20T10:05:00.000000Z",
		fixture.Scan[string](t, tx, "SELECT payload->>'lastUpdateTimestamp' FROM herald.outbox WHERE event_id = $1", id))
}

// Acceptance.
func TestTeamCartFunctionWritesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, test := range []struct{ sql, eventType, payload string }{
		{"'CartUpdated', $1", "CartUpdated", `{}`},
		{"'CartPaymentEvent', $1, 'user-2', 'Paid'", "CartPaymentEvent", `{"userId": "user-2", "status": "Paid"}`},
		{
			"'CartConverted', $1, order_id => '" + fixture.OrderID.String() + "'", "CartConverted",
			`{"orderId": "` + fixture.OrderID.String() + `"}`,
		},
	} {
		row := b.written(t,
			fixture.Scan[uuid.UUID](t, b.Pool, "SELECT herald.publish_teamcart_event("+test.sql+")", fixture.CartID))
		require.Equal(t, test.eventType, row.EventType)
		require.Equal(t, fixture.CartID, row.ResourceID.UUID)
		require.JSONEq(t, test.payload, string(row.Payload))
	}
	own := uuid.New()
	row := b.written(t,
		fixture.Scan[uuid.UUID](t, b.Pool,
			`SELECT herald.publish_teamcart_event(event_type => 'CartExpired', team_cart_id => $1,
		occurred_on_utc => '2025-01-20T10:05:00Z', event_id => $2, deliver_after => '2025-01-20T10:06:00Z')`, fixture.CartID,
			own))
	require.Equal(t, own, row.EventID)
	require.WithinDuration(t, time.Date(2025, 1, 20, 10, 5, 0, 0, time.UTC), row.OccurredOn, 0)
	require.WithinDuration(t, time.Date(2025, 1, 20, 10, 6, 0, 0, time.UTC), *row.DeliverAfter, 0)
}

// Acceptance.
func TestAdminFunctionWritesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	own := uuid.New()
	row := b.written(t,
		fixture.Scan[uuid.UUID](t, b.Pool, `SELECT herald.publish_admin_event(event_type => 'RevenueUpdate',
		payload => '{"dailyRevenue": 1.50, "totalRevenue30d": 2}', occurred_on_utc => '2025-01-20T10:05:00Z', event_id => $1, deliver_after => '2025-01-20T10:06:00Z')`, own))
	require.Equal(t, own, row.EventID)
	require.Equal(t, "RevenueUpdate", row.EventType)
	require.False(t, row.ResourceID.Valid)
	require.JSONEq(t, `{"dailyRevenue": 1.50, "totalRevenue30d": 2}`, string(row.Payload))
	require.WithinDuration(t, time.Date(2025, 1, 20, 10, 5, 0, 0, time.UTC), row.OccurredOn, 0)
	require.WithinDuration(t, time.Date(2025, 1, 20, 10, 6, 0, 0, time.UTC), *row.DeliverAfter, 0)
}

// Acceptance.
func TestDefaultsOfATableInsert(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := fixture.Scan[time.Time](t, b.Pool, "SELECT clock_timestamp()")
	row := b.written(t, b.Insert(t, fixture.Cart()))
	after := fixture.Scan[time.Time](t, b.Pool, "SELECT clock_timestamp()")
	require.Equal(t, "Both", *row.Audience)
	require.JSONEq(t, `{}`, string(row.Payload))
	require.Nil(t, row.DeliverAfter)
	for _, at := range []time.Time{row.OccurredOn, row.WrittenAt} {
		require.False(t, at.Before(before) || at.After(after))
	}
}

// clock_timestamp and not now: two events of one long transaction occurred one after the other.
//
// Acceptance: A-331.
func TestEventsOfOneTransactionOccurOneAfterTheOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.Begin(t)
	for _, sql := range []string{
		"INSERT INTO herald.outbox (event_type, resource_id) VALUES ('CartLocked', gen_random_uuid()) RETURNING event_id",
		"SELECT herald.publish_teamcart_event('CartLocked', gen_random_uuid())",
		`SELECT herald.publish_admin_event('RevenueUpdate', '{"dailyRevenue": 1, "totalRevenue30d": 2}')`,
		"SELECT herald.publish_order_event('OrderPlaced', gen_random_uuid(), 'YZ-1', 'Placed', gen_random_uuid(), 'user-1')",
	} {
		fixture.Scan[uuid.UUID](t, tx, sql)
	}
	require.True(t,
		fixture.Scan[bool](t, tx,
			"SELECT count(DISTINCT occurred_on_utc) = 4 AND min(occurred_on_utc) > now() FROM herald.outbox"))
}

// Acceptance: A-318.
func TestGeneratedIdsAreUUIDv7(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var previous uuid.UUID
	for range 200 {
		before := fixture.Scan[time.Time](t, b.Pool, "SELECT clock_timestamp()")
		id := fixture.Scan[uuid.UUID](t, b.Pool, "SELECT herald.uuidv7()")
		after := fixture.Scan[time.Time](t, b.Pool, "SELECT clock_timestamp()")
		require.Equal(t, uuid.Version(7), id.Version())
		require.Equal(t, uuid.RFC4122, id.Variant())
		sec, nsec := id.Time().UnixTime()
		at := time.Unix(sec, nsec)
		require.WithinRange(t, at, before.Add(-time.Millisecond), after.Add(time.Millisecond))
		if before.UnixMilli() > time.Unix(previous.Time().UnixTime()).UnixMilli()+1 {
			require.Greater(t, id.String(), previous.String(), "later ids sort behind earlier ones")
		}
		previous = id
	}
	require.Equal(t, 1000,
		fixture.Scan[int](t, b.Pool, "SELECT count(DISTINCT herald.uuidv7()) FROM generate_series(1, 1000)"))
	for _, id := range []uuid.UUID{
		b.Insert(t, fixture.Cart()),
		fixture.Scan[uuid.UUID](t, b.Pool, "SELECT herald.publish_teamcart_event('CartLocked', $1)", fixture.CartID),
	} {
		require.Equal(t, uuid.Version(7), id.Version())
	}
}

// A transaction that is rolled back, wholly or to a savepoint, leaves nothing in the outbox.
//
// Acceptance: A-316.
func TestRolledBackEventsWereNeverThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	publish := "SELECT herald.publish_teamcart_event('CartUpdated', $1)"

	rolledBack := b.Begin(t)
	lost := fixture.Scan[uuid.UUID](t, rolledBack, publish, fixture.CartID)
	require.NoError(t, rolledBack.Rollback(t.Context()))

	tx := b.Begin(t)
	kept := fixture.Scan[uuid.UUID](t, tx, publish, fixture.CartID)
	savepoint, err := tx.Begin(t.Context())
	require.NoError(t, err)
	undone := fixture.Scan[uuid.UUID](t, savepoint, publish, fixture.CartID)
	require.NoError(t, savepoint.Rollback(t.Context()))
	savepoint, err = tx.Begin(t.Context())
	require.NoError(t, err)
	_, err = savepoint.Exec(t.Context(), "SELECT herald.publish_teamcart_event('CartEaten', $1)", fixture.CartID)
	require.Error(t, err)
	require.NoError(t, savepoint.Rollback(t.Context()), "a refused event costs no more than its savepoint")
	released, err := tx.Begin(t.Context())
	require.NoError(t, err)
	nested := fixture.Scan[uuid.UUID](t, released, publish, fixture.CartID)
	require.NoError(t, released.Commit(t.Context()))
	require.NoError(t, tx.Commit(t.Context()))

	b.Relay(t)
	require.Equal(t, "unknown", b.Status(t, lost)[0].Status)
	require.Equal(t, "unknown", b.Status(t, undone)[0].Status)
	require.Equal(t, int64(1), b.Status(t, kept)[0].Sequence, "in the order of the inserts, without holes")
	require.Equal(t, int64(2), b.Status(t, nested)[0].Sequence)
}

// The idempotent retry: after any failure between commit and answer the producer publishes again with the same id.
//
// Acceptance.
func TestAnIdThatIsPublishedAgainIsRelayedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	own := uuid.New()
	again := func() {
		t.Helper()
		require.Equal(t, own,
			fixture.Scan[uuid.UUID](t, b.Pool, "SELECT herald.publish_teamcart_event('CartUpdated', $1, event_id => $2)",
				fixture.CartID, own))
	}
	again()
	again()
	b.Relay(t)
	again()
	b.Relay(t)
	next := b.Insert(t, fixture.Cart())
	b.Relay(t)
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.event_log WHERE event_id = $1", own))
	require.Equal(t, int64(1), b.Status(t, own)[0].Sequence)
	require.Equal(t, int64(2), b.Status(t, next)[0].Sequence)
}
