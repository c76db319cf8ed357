package crowd

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
)

// tokenLife is longer than any bench.
const tokenLife = 24 * time.Hour

// newClients returns n clients. Each is a user of its own with a token that lets it follow its order; the orders are
// handed out in turn.
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
