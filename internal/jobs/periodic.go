package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/selfcheck"
)

type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]

	pool    *pgxpool.Pool
	sweeper Sweeper
	logger  *slog.Logger
}

func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[sweepArgs]) error {
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquiring a connection to sweep: %w", err)
	}
	defer conn.Release()
	swept, err := w.sweeper.Sweep(ctx, conn.Conn())
	if err != nil {
		return fmt.Errorf("sweeping: %w", err)
	}
	if swept > 0 {
		w.logger.DebugContext(ctx, "swept", slog.Int("events", swept))
	}
	return nil
}

type partitionsWorker struct {
	river.WorkerDefaults[partitionsArgs]

	pool *pgxpool.Pool
}

func (w *partitionsWorker) Work(ctx context.Context, _ *river.Job[partitionsArgs]) error {
	today, err := dbclock.Read(ctx, w.pool)
	if err != nil {
		return err
	}
	_, err = retention.EnsurePartitions(ctx, w.pool, today, daysAhead)
	return err
}

type retentionWorker struct {
	river.WorkerDefaults[retentionArgs]

	retention *retention.Retention
}

// Timeout is longer than other jobs': a day of the log has millions of heads to keep. It is shorter than the hour to
// the next job.
func (w *retentionWorker) Timeout(*river.Job[retentionArgs]) time.Duration { return retentionTimeout }

func (w *retentionWorker) Work(ctx context.Context, _ *river.Job[retentionArgs]) error {
	_, err := w.retention.Run(ctx)
	return err
}

type housekeepingWorker struct {
	river.WorkerDefaults[housekeepingArgs]

	pool  *pgxpool.Pool
	nodes *nodes.Register
	stats *outbox.Publisher
	clock *dbclock.Clock
}

func (w *housekeepingWorker) Work(ctx context.Context, _ *river.Job[housekeepingArgs]) error {
	// While the database's clock has just been set forward, every node's last heartbeat seems to be long ago.
	if !w.clock.Advanced(settling) {
		if _, err := w.nodes.Reap(ctx); err != nil {
			return err
		}
	}
	if err := keepJobs(ctx, w.pool); err != nil {
		return err
	}
	if err := relay.PruneCheckpoints(ctx, w.pool); err != nil {
		return err
	}
	if err := pass.PrunePace(ctx, w.pool); err != nil {
		return err
	}
	if err := w.nodes.PruneJournal(ctx); err != nil {
		return err
	}
	return w.stats.PrunePlatformStats(ctx)
}

// settling is how long nodes have to write a new heartbeat.
const settling = 30 * time.Second

type selfcheckWorker struct {
	river.WorkerDefaults[selfcheckArgs]

	checker *selfcheck.Checker
}

func (w *selfcheckWorker) Work(ctx context.Context, _ *river.Job[selfcheckArgs]) error {
	return w.checker.Run(ctx)
}
