package crowd

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/bench"
)

// countersLate is the largest delay of the counters of PostgreSQL's processes (PGSTAT_IDLE_INTERVAL in pgstat.c).
const countersLate = 10 * time.Second

// publish publishes this many events of each order, and returns when the server has broadcast them. It closes its
// connection, so that its transactions are counted in time.
func (r *stormRun) publish(ctx context.Context, first, events int) error {
	return publishEach(ctx, r.DSN, r.Server.URL, r.orders, first, events)
}

// publishEach publishes this many events of each order, and returns when the server at url has broadcast them.
func publishEach(ctx context.Context, dsn, url string, orders []uuid.UUID, first, events int) error {
	conn, err := bench.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer bench.Disconnect(ctx, conn)
	restaurant := uuid.New()
	ids := make([]uuid.UUID, len(orders))
	for n := first; n < first+events; n++ {
		for i, order := range orders {
			ids[i] = eventOf(order, n)
		}
		_, err := conn.Exec(ctx,
			`SELECT herald.publish_order_event('OrderStatusChanged', e.order_id, 'YZ-1', 'Preparing', $3, 'bench', 'Customer',
			event_id => e.event_id) FROM unnest($1::uuid[], $2::uuid[]) e (order_id, event_id)`, orders, ids, restaurant)
		if err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	return bench.AwaitEmpty(ctx, conn, url)
}

// counters reads how many transactions a database has counted.
type counters struct{ conn *pgx.Conn }

func openCounters(ctx context.Context, dsn string) (*counters, error) {
	conn, err := bench.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &counters{conn}, nil
}

func (c *counters) close(ctx context.Context) { bench.Disconnect(ctx, c.conn) }

// counted is the number of transactions in a time.
type counted struct {
	transactions int64
	took         time.Duration
}

// less is the number of transactions beyond the usual ones.
func (c counted) less(usual counted) float64 {
	return float64(c.transactions) - float64(usual.transactions)*c.took.Seconds()/usual.took.Seconds()
}

// during counts the transactions while f runs.
func (c *counters) during(ctx context.Context, f func() error) (counted, error) {
	before, err := c.read(ctx)
	if err != nil {
		return counted{}, err
	}
	start := time.Now()
	if err := f(); err != nil {
		return counted{}, err
	}
	took := time.Since(start)
	after, err := c.read(ctx)
	return counted{after - before, took}, err
}

func (c *counters) read(ctx context.Context) (transactions int64, err error) {
	err = c.conn.QueryRow(
		ctx, "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()",
	).Scan(&transactions)
	if err != nil {
		return 0, fmt.Errorf("reading the database's counters: %w", err)
	}
	return transactions, nil
}
