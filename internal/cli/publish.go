package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

type publishCmd struct {
	existing

	EventType  string     `arg:"" help:"Such as OrderStatusChanged, CartUpdated or SystemAlert."`
	Resource   uuid.UUID  `help:"The order's or team cart's id."`
	Restaurant uuid.UUID  `help:"The restaurant's id (order events)."`
	Customer   string     `help:"Who placed the order (order events)."`
	Audience   string     `default:"Both" enum:"Restaurant,Customer,Both" help:"Who receives an order event: ${enum}."`
	Payload    string     `default:"{}" help:"The event's own fields as a JSON object."`
	EventID    uuid.UUID  `help:"The deduplication key. Defaults to a new one."`
	After      *time.Time `help:"Deliver not before this time (RFC 3339)."`
}

func (c *publishCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if !json.Valid([]byte(c.Payload)) {
		return fmt.Errorf("--payload is not JSON: %s", c.Payload)
	}
	pool, err := c.openToWrite(ctx, logger)
	if err != nil {
		return err
	}
	defer pool.Close()
	row := outbox.Row{Event: event.Event{
		ID: c.EventID, Type: event.Type(c.EventType), ResourceID: c.Resource,
		RestaurantID: c.Restaurant, CustomerID: c.Customer,
		Audience: event.Audience(c.Audience), Payload: json.RawMessage(c.Payload),
	}}
	if c.After != nil {
		row.DeliverAfter = *c.After
	}
	if row.ID == uuid.Nil {
		if row.ID, err = uuid.NewV7(); err != nil {
			return fmt.Errorf("making an event id: %w", err)
		}
	}
	if _, err := row.Groups(); err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// This transaction is never prepared, so it may wake the relay even on a server that allows prepared
		// transactions.
		if _, err := tx.Exec(ctx, "SET LOCAL herald.notify = on"); err != nil {
			return fmt.Errorf("asking for a wake-up: %w", err)
		}
		return outbox.Insert(ctx, tx, &row)
	})
	if err != nil {
		return err //nolint:wrapcheck // it is Insert's, but for a commit that failed
	}
	_, err = fmt.Fprintln(s.out, row.ID)
	return err //nolint:wrapcheck // the terminal is gone
}
