// Places an order and publishes it in one transaction, with pgx.
//
//	DATABASE_URL=postgres://order_service:order_service@localhost/shop go run ./sql/examples/go
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

type order struct {
	id, eventID, restaurantID uuid.UUID
	number, customerID        string
	total                     float64
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()

	// 1. The order and its event: both or neither.
	first := order{id: uuid.New(), eventID: uuid.New(), restaurantID: uuid.New(), number: "YZ-1024", customerID: "customer-1", total: 31.5}
	if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return place(ctx, tx, first) }); err != nil {
		return fmt.Errorf("first order: %w", err)
	}
	fmt.Println("placed", first.id, first.eventID)

	// 2. A transaction that rolls back publishes nothing.
	errDeclined := errors.New("the card was declined")
	second := first
	second.id, second.eventID = uuid.New(), uuid.New()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := place(ctx, tx, second); err != nil {
			return err
		}
		return errDeclined
	})
	if !errors.Is(err, errDeclined) {
		return fmt.Errorf("second order: %w", err)
	}
	fmt.Println("rolled back", second.id, second.eventID)

	// 3. The connection broke and nobody knows whether the first transaction committed: do it again. The same event id is
	// delivered once.
	if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return place(ctx, tx, first) }); err != nil {
		return fmt.Errorf("first order again: %w", err)
	}
	fmt.Println("retried", first.id, first.eventID)
	return nil
}

// place writes the order and its event within tx. Doing so twice changes nothing.
func place(ctx context.Context, tx pgx.Tx, o order) error {
	_, err := tx.Exec(ctx, `INSERT INTO shop.orders (order_id, order_number, restaurant_id, customer_id, status, total, placed_event_id)
		VALUES ($1, $2, $3, $4, 'Placed', $5, $6) ON CONFLICT (order_id) DO NOTHING`,
		o.id, o.number, o.restaurantID, o.customerID, o.total, o.eventID)
	if err != nil {
		return fmt.Errorf("placing order %s: %w", o.number, err)
	}
	_, err = tx.Exec(ctx, `SELECT herald.publish_order_event('OrderPlaced', $1, $2, 'Placed', $3, $4,
		estimated_delivery_time => $5, event_id => $6)`,
		o.id, o.number, o.restaurantID, o.customerID, time.Now().Add(30*time.Minute), o.eventID)
	if err != nil {
		return fmt.Errorf("publishing order %s: %w", o.number, err)
	}
	return nil
}
