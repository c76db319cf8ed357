package outbox_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

func TestInsertWritesAsAProducerWould(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	row := &outbox.Row{DeliverAfter: due, Event: event.Event{
		ID: uuid.New(), Type: event.OrderPlaced, ResourceID: fixture.OrderID, RestaurantID: fixture.RestaurantID,
		CustomerID: fixture.Customer,
		Audience:   event.Restaurant, Payload: []byte(`{"orderNumber": "YZ-1", "status": "Placed"}`),
	}}
	require.NoError(t, outbox.Insert(t.Context(), b.Pool, row))
	stored := b.written(t, row.ID)
	require.Equal(t, "OrderPlaced", stored.EventType)
	require.Equal(t, fixture.OrderID, stored.ResourceID.UUID)
	require.Equal(t, fixture.RestaurantID, stored.RestaurantID.UUID)
	require.Equal(t, fixture.Customer, *stored.CustomerID)
	require.Equal(t, "Restaurant", *stored.Audience)
	require.JSONEq(t, string(row.Payload), string(stored.Payload))
	require.WithinDuration(t, due, *stored.DeliverAfter, 0)
	require.WithinDuration(t, time.Now(), stored.OccurredOn, time.Minute)

	minimal := &outbox.Row{Event: event.Event{
		ID: uuid.New(), Type: event.CartLocked, ResourceID: fixture.CartID,
		Payload: []byte(`{}`),
	}}
	require.NoError(t, outbox.Insert(t.Context(), b.Pool, minimal))
	require.False(t, b.written(t, minimal.ID).RestaurantID.Valid)

	wrong := &outbox.Row{Event: event.Event{ID: uuid.New(), Type: event.CartLocked, Payload: []byte(`{}`)}}
	require.EqualError(t, outbox.Insert(t.Context(), b.Pool, wrong),
		"herald.outbox: resource_id is missing: an event of type CartLocked needs the id of its team cart (Set resource_id.)")
	wrong.Payload = []byte(`{`)
	require.ErrorContains(t, outbox.Insert(t.Context(), b.Pool, wrong), "publishing event "+wrong.ID.String())
}

func TestInsertOfAnOrderWithoutAudience(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row := &outbox.Row{Event: event.Event{
		ID: uuid.New(), Type: event.OrderPlaced, ResourceID: fixture.OrderID, RestaurantID: fixture.RestaurantID,
		CustomerID: fixture.Customer,
		Payload:    []byte(`{"orderNumber": "YZ-1", "status": "Placed"}`),
	}}
	require.NoError(t, outbox.Insert(t.Context(), b.Pool, row))
	require.Equal(t, "Both", *b.written(t, row.ID).Audience, "both is the default")
}
