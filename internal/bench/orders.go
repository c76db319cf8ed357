package bench

import (
	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// HubPath is the hub of the measured clients.
const HubPath = event.CustomerOrdersPath

// NewOrders returns the ids of n orders.
func NewOrders(n int) []uuid.UUID {
	orders := make([]uuid.UUID, n)
	for i := range orders {
		orders[i] = uuid.New()
	}
	return orders
}
