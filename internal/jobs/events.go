package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/yummyzoom/herald/internal/outbox"
)

type deliverScheduledWorker struct {
	river.WorkerDefaults[deliverScheduledArgs]

	pool   *pgxpool.Pool
	nodeID uuid.UUID
}

// Timeout is less than River's for all jobs, so that an attempt that is stuck is soon given up.
func (*deliverScheduledWorker) Timeout(*river.Job[deliverScheduledArgs]) time.Duration {
	return eventTimeout
}

func (w *deliverScheduledWorker) Work(ctx context.Context, job *river.Job[deliverScheduledArgs]) error {
	if early := time.Until(job.Args.DeliverAfter); early > 0 {
		return river.JobSnooze(early) //nolint:wrapcheck // River reads it
	}
	return deliver(ctx, w.pool, job, job.Args.Ref, w.nodeID)
}

type retryEventWorker struct {
	river.WorkerDefaults[retryEventArgs]

	pool   *pgxpool.Pool
	nodeID uuid.UUID
}

// Timeout is that of a scheduled event.
func (*retryEventWorker) Timeout(*river.Job[retryEventArgs]) time.Duration { return eventTimeout }

func (w *retryEventWorker) Work(ctx context.Context, job *river.Job[retryEventArgs]) error {
	return deliver(ctx, w.pool, job, job.Args.Ref, w.nodeID)
}

// deliver gives an event its place in the log and completes the job, in one transaction. What fails is tried again by River; from
// the eventAttempts-th attempt on it becomes a dead letter, which completes the job as well.
func deliver[T river.JobArgs](ctx context.Context, pool *pgxpool.Pool, job *river.Job[T], ref outbox.Ref, nodeID uuid.UUID) error {
	err := completing(ctx, pool, job, func(tx pgx.Tx) error {
		return outbox.AppendLater(ctx, tx, ref, nodeID)
	})
	if err == nil {
		return nil
	}
	if errors.Is(err, outbox.ErrPaused) {
		return river.JobSnooze(pausedSnooze) //nolint:wrapcheck // River reads it
	}
	gone := errors.Is(err, outbox.ErrRowGone)
	if !gone && job.Attempt < eventAttempts {
		return err
	}
	return completing(ctx, pool, job, func(tx pgx.Tx) error {
		return outbox.Bury(ctx, tx, ref, err, job.Attempt)
	})
}

func completing[T river.JobArgs](ctx context.Context, pool *pgxpool.Pool, job *river.Job[T], effect func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := effect(tx); err != nil {
			return err
		}
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", job.Kind, err)
	}
	return nil
}
