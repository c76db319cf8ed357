package line

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/bench"
)

// column is one of the compared transactions.
type column int

const (
	plainInsert column = iota // an order, and a row of the same size as an event's
	eventInsert               // an order, and an event
	plainNotify               // plainInsert, with a NOTIFY in every transaction
	eventNotify               // eventInsert, with a NOTIFY in every transaction
	eventPaused               // eventInsert, while the relay is paused
	columns     = 5
)

func (c column) isPlain() bool      { return c == plainInsert || c == plainNotify }
func (c column) orderTable() string { return fmt.Sprintf("placed_order_%d", c) }
func (c column) eventTable() string { return fmt.Sprintf("plain_event_%d", c) } // of the plain columns

// notifies is the channel that every transaction of a column notifies, or "". An event's is the relay's own: the
// relay listens on it and would be woken if producers always notified. A plain one's is the bench's, on which the
// bench listens.
func (c column) notifies() string {
	return [columns]string{plainNotify: baselineChannel, eventNotify: "herald_outbox"}[c]
}

const (
	shopSchema  = "herald_bench"
	restaurants = 1000
	customers   = 10_000
)

// shop is the service that takes orders. It has a table for every column, so that the tables grow alike.
type shop struct {
	conn                 *pgx.Conn
	restaurants          []uuid.UUID
	padding              []byte // makes a plain row as long as an event's
	rowBytes, plainBytes int    // of an event's row, and of a plain one
	statements           [columns]struct{ order, event string }
}

// openShop makes the tables. It first removes those of an earlier bench that was killed.
func openShop(ctx context.Context, conn *pgx.Conn) (*shop, error) {
	s := &shop{conn: conn, restaurants: bench.NewOrders(restaurants)}
	var sql strings.Builder
	sql.WriteString("DROP SCHEMA IF EXISTS " + shopSchema + " CASCADE; CREATE SCHEMA " + shopSchema + `;
		CREATE FUNCTION ` + shopSchema + `.notify_always() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN PERFORM pg_notify(TG_ARGV[0], ''); RETURN NULL; END $$;`)
	for c := range column(columns) {
		orders := shopSchema + "." + c.orderTable()
		sql.WriteString("CREATE TABLE " + orders + ` (id uuid PRIMARY KEY, number text NOT NULL, status text NOT NULL,
			restaurant_id uuid NOT NULL, customer_id text NOT NULL, placed_at timestamptz NOT NULL DEFAULT now());`)
		if channel := c.notifies(); channel != "" {
			sql.WriteString("CREATE TRIGGER notify_always AFTER INSERT ON " + orders + " FOR EACH STATEMENT EXECUTE FUNCTION " +
				shopSchema + ".notify_always('" + channel + "');")
		}
		s.statements[c].order = "INSERT INTO " + orders + " (id, number, status, restaurant_id, customer_id) VALUES ($1, 'YZ-1', 'Placed', $2, $3)"
		s.statements[c].event = "SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, $3)"
		if c.isPlain() {
			events := shopSchema + "." + c.eventTable()
			sql.WriteString(
				"CREATE TABLE " + events + " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL);",
			)
			s.statements[c].event = "INSERT INTO " + events + " (payload) VALUES ($1) RETURNING id"
		}
	}
	if _, err := conn.Exec(ctx, sql.String()); err != nil {
		return nil, fmt.Errorf("creating the bench's tables: %w", err)
	}
	return s, s.match(ctx)
}

// close removes the tables.
func (s *shop) close(ctx context.Context) {
	// if that fails, the next bench removes them
	_, _ = s.conn.Exec(context.WithoutCancel(ctx), "DROP SCHEMA "+shopSchema+" CASCADE")
}

// match pads the plain rows to the size of an event's row.
func (s *shop) match(ctx context.Context) error {
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	p := s.purchase()
	var id uuid.UUID
	if err := tx.QueryRow(ctx, s.statements[eventInsert].event, p.order, p.restaurant, p.customer).Scan(&id); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	if err := tx.QueryRow(
		ctx, "SELECT pg_column_size(o) FROM herald.outbox o WHERE o.event_id = $1", id,
	).Scan(&s.rowBytes); err != nil {
		return fmt.Errorf("measuring an event's row: %w", err)
	}
	const attempts = 4 // a longer value takes a longer header
	for range attempts {
		s.padding = bytes.Repeat([]byte{'x'}, max(len(s.padding)+s.rowBytes-s.plainBytes, 0))
		var row int64
		if err := tx.QueryRow(ctx, s.statements[plainInsert].event, s.payload(p)).Scan(&row); err != nil {
			return fmt.Errorf("inserting a plain row: %w", err)
		}
		err := tx.QueryRow(
			ctx, "SELECT pg_column_size(e) FROM "+shopSchema+"."+plainInsert.eventTable()+" e WHERE e.id = $1", row,
		).Scan(&s.plainBytes)
		if err != nil {
			return fmt.Errorf("measuring a plain row: %w", err)
		}
	}
	return nil
}

// purchase is a customer's order.
type purchase struct {
	order, restaurant uuid.UUID
	customer          string
}

// purchase returns the next one. All have the same size.
func (s *shop) purchase() purchase {
	return purchase{
		order:      uuid.Must(uuid.NewV7()),
		restaurant: s.restaurants[rand.IntN(len(s.restaurants))],       //nolint:gosec // not a secret
		customer:   fmt.Sprintf("customer-%05d", rand.IntN(customers)), //nolint:gosec // not a secret
	}
}

// payload is the content of a plain row.
func (s *shop) payload(p purchase) []byte {
	return fmt.Appendf(
		nil, `{"orderId":%q,"restaurantId":%q,"customerId":%q,"orderNumber":"YZ-1","status":"Placed","padding":%q}`,
		p.order, p.restaurant, p.customer, s.padding)
}

// order takes one order, in one transaction.
func (s *shop) order(ctx context.Context, conn *pgx.Conn, c column) error {
	p := s.purchase()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // has no effect after the commit
	if _, err := tx.Exec(ctx, s.statements[c].order, p.order, p.restaurant, p.customer); err != nil {
		return fmt.Errorf("inserting an order: %w", err)
	}
	arguments := []any{p.order, p.restaurant, p.customer}
	if c.isPlain() {
		arguments = []any{s.payload(p)}
	}
	if err := tx.QueryRow(ctx, s.statements[c].event, arguments...).Scan(nil); err != nil {
		return fmt.Errorf("inserting an event: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}
