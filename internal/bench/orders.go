package bench

import "github.com/google/uuid"

// hubPath is the hub whose clients are measured.
const hubPath = "/hubs/customer-orders"

// newOrders returns the ids of n orders.
func newOrders(n int) []uuid.UUID {
	orders := make([]uuid.UUID, n)
	for i := range orders {
		orders[i] = uuid.New()
	}
	return orders
}
