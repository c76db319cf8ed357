package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/relay"
)

// heldByJobs are the outbox rows that jobs hold, to be delivered when it is time.
const heldByJobs = `SELECT (j.args->>'outbox_seq')::bigint FROM ` + riverJobs + ` j
	WHERE j.kind IN ('deliver_scheduled', 'retry_event') AND j.finalized_at IS NULL`

// Reseed lets relaying go on in a database that was restored from a dump; see [relay.Reseed]. Jobs keep the events
// that they hold. It happens as a whole or not at all.
func Reseed(ctx context.Context, pool *pgxpool.Pool,
	progress func(day time.Time, sofar relay.Reseeded),
) (sum relay.Reseeded, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, heldByJobs)
		if err != nil {
			return err //nolint:wrapcheck // wrapped once, below
		}
		held, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err //nolint:wrapcheck // wrapped once, below
		}
		sum, err = relay.Reseed(ctx, tx, held, progress)
		return err
	})
	if err != nil {
		return sum, fmt.Errorf("reseeding: %w", err)
	}
	return sum, nil
}
