package jobs

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/yummyzoom/herald/internal/outbox"
)

// statisticsWorker broadcasts changed statistics, once an interval at most. Any node may run it, any number of
// times: the database knows when the last ones went out, whichever node sent them.
type statisticsWorker struct {
	river.WorkerDefaults[statisticsArgs]

	pool     *pgxpool.Pool
	interval time.Duration
}

const (
	// statisticsLooks is how often an interval the worker looks, so that statistics that wait for its end are hardly
	// late.
	statisticsLooks = 10
	statisticsPause = 250 * time.Millisecond // between two looks at least
)

// statisticsEvery is how often the worker looks.
func statisticsEvery(interval time.Duration) time.Duration {
	return min(interval, max(interval/statisticsLooks, statisticsPause))
}

func (w *statisticsWorker) Work(ctx context.Context, job *river.Job[statisticsArgs]) error {
	return completing(ctx, w.pool, job, func(tx pgx.Tx) error {
		_, err := outbox.BroadcastStats(ctx, tx, w.interval)
		return err
	})
}
