package bench

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// tokenLife is longer than any bench.
const tokenLife = 24 * time.Hour

// hubPath is the hub whose clients are measured.
const hubPath = event.CustomerOrdersPath

// newClients returns n clients, each a user of its own with a token that lets it follow its order; orders go round.
func newClients(secret string, n int, orders []uuid.UUID) ([]client, error) {
	clients := make([]client, n)
	for i := range clients {
		order := orders[i%len(orders)]
		token, err := auth.Mint(secret, auth.Grant{
			Subject: "bench-" + strconv.Itoa(i), Permissions: []string{permission(order)}, TTL: tokenLife,
		})
		if err != nil {
			return nil, fmt.Errorf("minting a token: %w", err)
		}
		clients[i] = client{Token: token, Order: order}
	}
	return clients, nil
}

// permission is the claim that lets a user follow an order.
func permission(order uuid.UUID) string { return "OrderOwner:" + order.String() }

func newOrders(n int) []uuid.UUID {
	orders := make([]uuid.UUID, n)
	for i := range orders {
		orders[i] = uuid.New()
	}
	return orders
}
