package line

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	fillChunk   = 20_000 // events per transaction, outside of the measured time
	insertBatch = 1000   // events per transaction of the baseline, as many as the relay's
)

// relayFeed is the events that wait for the relay. They go to the orders in turn, and each order belongs to one
// restaurant.
type relayFeed struct{ orders, restaurants int }

// fill writes events to the outbox, through its constraint, and returns how long that took.
func (f relayFeed) fill(
	ctx context.Context, conn *pgx.Conn, events int, progress func(string),
) (time.Duration, error) {
	progress(fmt.Sprintf(
		"writing %d events for %d orders of %d restaurants, while no server runs", events, f.orders, f.restaurants,
	))
	start := time.Now()
	reported := start
	for first := 0; first < events; first += fillChunk {
		last := min(first+fillChunk, events) - 1
		_, err := conn.Exec(ctx, `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload)
			SELECT CASE WHEN n < $3 THEN 'OrderPlaced' ELSE 'OrderStatusChanged' END,
				md5('order ' || n % $3)::uuid, md5('restaurant ' || n % $3 % $4)::uuid, 'customer-' || n % $3,
				jsonb_build_object('orderNumber', 'YZ-' || n % $3, 'status', 'Preparing', 'lastUpdateTimestamp', herald.utc(clock_timestamp()),
					'estimatedDeliveryTime', null, 'actualDeliveryTime', null, 'deliveredAt', null)
			FROM generate_series($1::bigint, $2::bigint) n ORDER BY n`, first, last, f.orders, f.restaurants)
		if err != nil {
			return 0, fmt.Errorf("writing the events: %w", err)
		}
		if time.Since(reported) > relayReport {
			reported = time.Now()
			progress(fmt.Sprintf("%d of %d events written", last+1, events))
		}
	}
	return time.Since(start), nil
}

// insert is the baseline: it inserts the rows of a log, without a relay.
func (r *relayRun) insert(ctx context.Context, conn *pgx.Conn, m *meter) (done relayed, err error) {
	_, err = conn.Exec(ctx, `CREATE TABLE herald_bench_log (
			position bigint NOT NULL, group_name text COLLATE "C" NOT NULL, sequence bigint NOT NULL, outbox_seq bigint NOT NULL,
			outbox_written_at timestamptz NOT NULL, event_id uuid NOT NULL, relayed_at timestamptz NOT NULL);
		CREATE INDEX ON herald_bench_log (position);
		CREATE INDEX ON herald_bench_log (group_name, sequence)`)
	if err != nil {
		return done, fmt.Errorf("creating the baseline's table: %w", err)
	}
	before, err := m.read(ctx)
	if err != nil {
		return done, err
	}
	start := time.Now()
	for first := 0; first < r.Events; first += insertBatch {
		_, err := conn.Exec(ctx, `INSERT INTO herald_bench_log
			SELECT $5 * n + e.half, CASE e.half WHEN 1 THEN 'order:' || md5('order ' || n % $3)::uuid
					ELSE 'restaurant:' || md5('restaurant ' || n % $3 % $4)::uuid END,
				1 + n / CASE e.half WHEN 1 THEN $3 ELSE $4 END, n, now(), gen_random_uuid(), now()
			FROM generate_series($1::bigint, $2::bigint) n, (VALUES (1), (2)) e (half) ORDER BY n, e.half`,
			first, min(first+insertBatch, r.Events)-1, int64(r.feed.orders), int64(r.feed.restaurants), int64(entriesEach))
		if err != nil {
			return done, fmt.Errorf("inserting the baseline's rows: %w", err)
		}
	}
	took := time.Since(start)
	after, err := m.read(ctx)
	if err != nil {
		return done, err
	}
	done.cost = after.less(before)
	done.took = took
	if _, err := conn.Exec(ctx, "DROP TABLE herald_bench_log"); err != nil {
		return done, fmt.Errorf("dropping the baseline's table: %w", err)
	}
	return done, nil
}

// isPrivilege says whether a statement failed for lack of a privilege.
func isPrivilege(err error) bool {
	const insufficientPrivilege = "42501"
	var failed *pgconn.PgError
	return errors.As(err, &failed) && failed.Code == insufficientPrivilege
}
