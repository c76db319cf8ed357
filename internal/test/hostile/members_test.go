package hostile_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A payload member with the MessagePack name of one of Herald's own members replaces nothing there, live, in
// resumes and for a client that follows. Other members keep the names and forms that the producer gave them. With
// HERALD_MESSAGEPACK_NAMES=camel the names are JSON's.
//
// Acceptance.
func TestAPayloadReplacesNothingOverMessagePack(t *testing.T) {
	t.Parallel()
	const payload = `{"status": "Placed", "orderNumber": "YZ-1", "OrderNumber": "mine", "EventId": "mine", "Sequence": 99, "OccurredOnUtc": "2030-01-01T00:00:00Z",
		"OrderId": null, "eventid": 5, "SEQUENCE": -1, "deliveredat": "2030-01-01T00:00:00Z", "total": 7.0, "Nested": {"EventId": "2030-01-01T00:00:00Z"}}`
	db := pgtest.New(t)
	order, restaurant, conn := uuid.New(), uuid.New(), db.Conn(t)
	exec(t, conn, "SELECT herald.grant_access('MustBeOrderOwner', $1, 'tester')", order)
	dotNet := node(t, db, nil)
	camel := node(t, db, func(c *app.Config) { c.Server.MessagePackNames = "camel" })
	dotNet.MessagePack, camel.MessagePack = true, true
	var live []<-chan string
	for _, cfg := range []hubclient.Config{dotNet, camel} {
		c, received := arrivals(t, cfg, "/hubs/customer-orders")
		_, err := c.Invoke(t.Context(), "SubscribeToOrder", order.String())
		require.NoError(t, err)
		live = append(live, received)
	}
	var id uuid.UUID
	require.NoError(t,
		conn.QueryRow(t.Context(),
			`INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload, occurred_on_utc)
		VALUES ('OrderPlaced', $1, $2, 'c', $3, '2026-01-20T10:30:00Z') RETURNING event_id`, order, restaurant, payload).Scan(&id))
	const others = `,"total":7,"Nested":{"EventId":"2030-01-01T00:00:00Z"},"eventid":5,"SEQUENCE":-1,"deliveredat":"2030-01-01T00:00:00Z"}`
	wanted := []string{
		fmt.Sprintf(`{"OrderId":%q,"OrderNumber":"YZ-1","Status":"Placed","RestaurantId":%q,"LastUpdateTimestamp":"2026-01-20T10:30:00Z",`+
			`"EstimatedDeliveryTime":null,"ActualDeliveryTime":null,"DeliveredAt":null,"OccurredOnUtc":"2026-01-20T10:30:00Z","EventId":%q,"Sequence":1`,
			order, restaurant, id) + others,
		fmt.Sprintf(`{"orderId":%q,"orderNumber":"YZ-1","status":"Placed","restaurantId":%q,"lastUpdateTimestamp":"2026-01-20T10:30:00Z",`+
			`"estimatedDeliveryTime":null,"actualDeliveryTime":null,"deliveredAt":null,"occurredOnUtc":"2026-01-20T10:30:00Z","eventId":%q,"sequence":1`,
			order, restaurant, id) +
			`,"total":7,"Nested":{"EventId":"2030-01-01T00:00:00Z"},"EventId":"mine","OrderId":null,"eventid":5,"SEQUENCE":-1,` +
			`"Sequence":99,"OrderNumber":"mine","deliveredat":"2030-01-01T00:00:00Z","OccurredOnUtc":"2030-01-01T00:00:00Z"}`,
	}
	for i, cfg := range []hubclient.Config{dotNet, camel} {
		require.Equal(t, wanted[i], next(t, live[i]))
		c, received := arrivals(t, cfg, "/hubs/customer-orders")
		result, err := c.Invoke(t.Context(), "ResumeOrder", order.String(), uuid.Nil.String())
		require.NoError(t, err)
		require.Equal(t, wanted[i], next(t, received))
		status := []string{"Status", "status"}[i]
		require.Contains(t, string(result), fmt.Sprintf(`{%q:"resumed"`, status))
	}
}
