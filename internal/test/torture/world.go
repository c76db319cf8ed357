package torture

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
)

// world holds the orders, carts and other resources of a run.
type world struct {
	restaurants []uuid.UUID
	orders      []order
	long        order // of the long transactions
	carts       []cart
	admins      []int // the chain of each writer's admin events
	chains      int
}

type order struct {
	chain          int
	id, restaurant uuid.UUID
	customer       string
}

type cart struct {
	chain int
	id    uuid.UUID
}

// The numbers of each for a number of clients.
const (
	clientsPerRestaurant = 10
	ordersPerClient      = 2
	clientsPerCart       = 4
)

func newWorld(rng *rand.Rand, clients, writers int) *world {
	w := &world{}
	chain := func() int {
		w.chains++
		return w.chains
	}
	for range 1 + clients/clientsPerRestaurant {
		w.restaurants = append(w.restaurants, newID(rng))
	}
	for i := range ordersPerClient * clients {
		w.orders = append(w.orders, order{
			chain: chain(), id: newID(rng), restaurant: w.restaurants[i%len(w.restaurants)],
			customer: fmt.Sprintf("customer-%d", i/ordersPerClient),
		})
	}
	w.long = order{chain: chain(), id: newID(rng), restaurant: w.restaurants[0], customer: "customer-0"}
	for range 1 + clients/clientsPerCart {
		w.carts = append(w.carts, cart{chain: chain(), id: newID(rng)})
	}
	for range writers {
		w.admins = append(w.admins, chain())
	}
	return w
}

func newID(rng *rand.Rand) (u uuid.UUID) {
	binary.BigEndian.PutUint64(u[:8], rng.Uint64())
	binary.BigEndian.PutUint64(u[8:], rng.Uint64())
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80 // marks a version 4
	return u
}

// adminGroups are the groups of the admin hub.
func adminGroups() []event.Group {
	return []event.Group{event.Alerts, event.UserActivity, event.Analytics, event.Admins}
}

// create makes the business tables, and the rows of the world.
func (w *world) create(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `
		CREATE SCHEMA torture;
		CREATE TABLE torture.chain (number int PRIMARY KEY, version bigint NOT NULL DEFAULT 0) WITH (fillfactor = 10);
		GRANT USAGE ON SCHEMA torture TO herald_producer;
		GRANT SELECT, UPDATE ON torture.chain TO herald_producer`); err != nil {
		return fmt.Errorf("creating the business tables: %w", err)
	}
	if _, err := conn.Exec(ctx, `INSERT INTO torture.chain (number) SELECT generate_series(1, $1::int)`,
		w.chains); err != nil {
		return fmt.Errorf("filling the business tables: %w", err)
	}
	return nil
}
