package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const (
	customerHub   = "/hubs/customer-orders"
	restaurantHub = "/hubs/restaurant-orders"
	teamCartHub   = "/hubs/teamcart"
	adminHub      = "/hubs/admin"
)

// broadcastDTO is OrderStatusBroadcastDto with sequence.
func broadcastDTO(
	o order, status, updated, estimated, actual, delivered, occurred string, id uuid.UUID, sequence int,
) string {
	nullable := func(s string) string {
		if s == "" {
			return "null"
		}
		return `"` + s + `"`
	}
	return fmt.Sprintf(`{"orderId":%q,"orderNumber":"YZ-1024","status":%q,"restaurantId":%q,"lastUpdateTimestamp":%q,
		"estimatedDeliveryTime":%s,"actualDeliveryTime":%s,"deliveredAt":%s,"occurredOnUtc":%q,"eventId":%q,"sequence":%d}`,
		o.id, status, o.restaurant, updated, nullable(estimated), nullable(actual), nullable(delivered), occurred, id,
		sequence)
}

// Acceptance,
//
//
func TestOrderEventsReachCustomerAndRestaurant(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	o := newOrder()
	staff := mint(t, auth.Grant{Subject: "bob", Permissions: []string{"RestaurantStaff:" + o.restaurant.String()}})
	owner := mint(t, auth.Grant{Subject: "carol", Permissions: []string{"RestaurantOwner:" + o.restaurant.String()}})
	place := func(eventType, audience string) uuid.UUID {
		return publish(
			t, p, `publish_order_event($1, $2, 'YZ-1024', 'Preparing', $3, $4, $5, '2025-01-20T10:35:00Z', NULL, NULL,
			'2025-01-20T12:05:00+02', '2025-01-20T10:05:00.25Z')`, eventType, o.id, o.restaurant, o.customer, audience)
	}
	first := place("OrderPlaced", "Both")

	customer := d.connect(t, s.url+customerHub, user(t, "alice"))
	require.Equal(t, "null", customer.call(t, "SubscribeToOrder", o.id))
	restaurants := []*client{d.connect(t, s.url+restaurantHub, staff), d.connect(t, s.url+restaurantHub, owner)}
	for _, r := range restaurants {
		require.Equal(t, "null", r.call(t, "SubscribeToRestaurant", strings.ToUpper(o.restaurant.String())))
	}
	receives := func(c *client, method string, id uuid.UUID, sequence int) {
		t.Helper()
		c.receives(t, method, broadcastDTO(o, "Preparing", "2025-01-20T10:05:00Z", "2025-01-20T10:35:00Z", "", "",
			"2025-01-20T10:05:00.25Z", id, sequence))
	}
	succeeded := place("OrderPaymentSucceeded", "Customer")
	failed := place("OrderPaymentFailed", "Restaurant")
	changed := place("OrderStatusChanged", "Both")
	placed := place("OrderPlaced", "Both")
	failedForCustomer := place("OrderPaymentFailed", "Customer")
	succeededForRestaurant := place("OrderPaymentSucceeded", "Restaurant")
	receives(customer, "ReceiveOrderPaymentSucceeded", succeeded, 2)
	receives(customer, "ReceiveOrderStatusChanged", changed, 3)
	receives(customer, "ReceiveOrderPlaced", placed, 4)
	receives(customer, "ReceiveOrderPaymentFailed", failedForCustomer, 5)
	for _, r := range restaurants {
		receives(r, "ReceiveOrderPaymentFailed", failed, 2)
		receives(r, "ReceiveOrderStatusChanged", changed, 3)
		receives(r, "ReceiveOrderPlaced", placed, 4)
		receives(r, "ReceiveOrderPaymentSucceeded", succeededForRestaurant, 5)
	}

	// A resume replays in the same shape, before it completes.
	customer.call(t, "UnsubscribeFromOrder", o.id)
	restaurants[0].call(t, "UnsubscribeFromRestaurant", o.restaurant)
	require.JSONEq(t, fmt.Sprintf(`{"status":"resumed","replayed":4,"lastEventId":%q,"sequence":5}`, failedForCustomer),
		customer.call(t, "ResumeOrder", o.id, first))
	receives(customer, "ReceiveOrderPaymentSucceeded", succeeded, 2)
	receives(customer, "ReceiveOrderStatusChanged", changed, 3)
	receives(customer, "ReceiveOrderPlaced", placed, 4)
	receives(customer, "ReceiveOrderPaymentFailed", failedForCustomer, 5)
	require.JSONEq(
		t, fmt.Sprintf(`{"status":"resumed","replayed":2,"lastEventId":%q,"sequence":5}`, succeededForRestaurant),
		restaurants[0].call(t, "ResumeRestaurant", o.restaurant, changed))
	receives(restaurants[0], "ReceiveOrderPlaced", placed, 4)
	receives(restaurants[0], "ReceiveOrderPaymentSucceeded", succeededForRestaurant, 5)
	require.JSONEq(t, fmt.Sprintf(`{"status":"gap","replayed":0,"lastEventId":%q,"sequence":5}`, failedForCustomer),
		customer.call(t, "ResumeOrder", o.id, failed), "an event of another group")
}

// Acceptance.
func TestDeliveredOrderHasAllItsTimes(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	o := newOrder()
	c := d.connect(
		t, s.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.call(t, "SubscribeToOrder", o.id)
	id := publish(t, p, `publish_order_event('OrderStatusChanged', $1, 'YZ-1024', 'Delivered', $2, 'alice',
		estimated_delivery_time => '2025-01-20T10:35:00Z', actual_delivery_time => '2025-01-20T10:40:00.123456Z',
		delivered_at => '2025-01-20T16:10:30+05:30', occurred_on_utc => '2025-01-20T10:41:00Z')`, o.id, o.restaurant)
	c.receives(t, "ReceiveOrderStatusChanged", broadcastDTO(
		o, "Delivered", "2025-01-20T10:41:00Z", "2025-01-20T10:35:00Z",
		"2025-01-20T10:40:00.123456Z", "2025-01-20T10:40:30Z", "2025-01-20T10:41:00Z", id, 1))
}

// Acceptance.
func TestSubscribingTwiceDeliversOnceAndUnsubscribingIsIdempotent(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	o, other := newOrder(), newOrder()
	token := mint(t, auth.Grant{
		Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String(), "OrderOwner:" + other.id.String()},
	})
	c, witness := d.connect(t, s.url+customerHub, token), d.connect(t, s.url+customerHub, token)
	witness.call(t, "SubscribeToOrder", o.id)
	c.call(t, "SubscribeToOrder", o.id)
	c.call(t, "subscribetoorder", strings.ToUpper(o.id.String()))
	c.call(t, "SubscribeToOrder", other.id)
	o.changed(t, p, "Preparing")
	o.changed(t, p, "Ready")
	other.changed(t, p, "Preparing")
	require.Contains(t, string(c.next(t).Args[0]), `"Preparing"`)
	require.Contains(t, string(c.next(t).Args[0]), `"Ready"`)
	require.Contains(t, string(c.next(t).Args[0]), other.id.String(), "each came once")

	for range 2 {
		require.Equal(t, "null", c.call(t, "UnsubscribeFromOrder", strings.ToUpper(o.id.String())))
	}
	require.Equal(t, "null", c.call(t, "UnsubscribeFromOrder", uuid.New()), "it needs no permission")
	o.changed(t, p, "Delivered")
	other.changed(t, p, "Ready")
	for range 3 {
		witness.next(t)
	}
	a := c.next(t)
	require.Contains(t, string(a.Args[0]), other.id.String(), "the order that was left is silent")
	c.quiet(t)
}

func TestSendWithoutInvocationIDTakesEffect(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	o := newOrder()
	c := d.connect(
		t, s.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.send(t, "SubscribeToOrder", o.id)
	c.send(t, "SubscribeToOrder", "nonsense")
	c.call(t, "UnsubscribeFromOrder", uuid.New()) // invocations run in order: the earlier ones have run
	id := o.changed(t, p, "Ready")
	require.Contains(t, string(c.next(t).Args[0]), id.String())
}
