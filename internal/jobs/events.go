package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
	"github.com/yummyzoom/herald/internal/relay/pass"
)

type deliverScheduledWorker struct {
	river.WorkerDefaults[deliverScheduledArgs]

	pool      *pgxpool.Pool
	nodeID    uuid.UUID
	contested tellContested
	died      tellDied
}

// Timeout is shorter than River's for all jobs, so that a stuck attempt is soon given up.
func (*deliverScheduledWorker) Timeout(*river.Job[deliverScheduledArgs]) time.Duration {
	return eventTimeout
}

func (w *deliverScheduledWorker) Work(ctx context.Context, job *river.Job[deliverScheduledArgs]) error {
	now, err := dbclock.Read(ctx, w.pool) // the database's time: an event must not be early
	if err != nil {
		return settle(ctx, w.pool, job, job.Args.Ref, err, w.died)
	}
	if early := job.Args.DeliverAfter.Sub(now); early > 0 {
		return river.JobSnooze(early) //nolint:wrapcheck // River reads it
	}
	var others []outbox.Ref
	var contested []pass.Contested
	err = completing(ctx, w.pool, job, func(tx pgx.Tx) (err error) {
		if others, err = takeDue(ctx, tx, w.nodeID); err != nil {
			return err
		}
		contested, err = pass.AppendLater(ctx, tx, append([]outbox.Ref{job.Args.Ref}, others...), w.nodeID)
		return err
	})
	if err != nil && len(others) > 0 { // one of these may be the cause
		return deliver(ctx, w.pool, job, job.Args.Ref, w.nodeID, w.contested, w.died)
	}
	w.contested.tell(ctx, contested, err)
	return settle(ctx, w.pool, job, job.Args.Ref, err, w.died)
}

// dueTogether is how many events one transaction delivers together. Thousands may be due at the same moment, and a
// transaction of a hundred costs little more than a transaction of one.
const dueTogether = 100

// No job is taken while the relay is paused: each job would take a hundred along and give them back, every second.
const takeDueJobs = `
WITH due AS MATERIALIZED (
    SELECT j.id FROM ` + riverJobs + ` j
    WHERE j.state = 'available' AND j.queue = 'default' AND j.priority = 1 AND j.scheduled_at <= now() AND j.kind = 'deliver_scheduled'
        AND j.errors IS NULL AND (j.args->>'deliver_after')::timestamptz <= now()
        AND (SELECT s.paused_at IS NULL FROM herald.relay_state s)
    ORDER BY j.scheduled_at, j.id LIMIT $1 FOR UPDATE SKIP LOCKED
), done AS (
    UPDATE ` + riverJobs + ` j SET state = 'completed', finalized_at = now(), attempt = j.attempt + 1, attempted_at = now(),
        attempted_by = array_append(j.attempted_by, $2::text)
    FROM due WHERE j.id = due.id RETURNING j.args
)
SELECT (d.args->>'event_id')::uuid, (d.args->>'outbox_seq')::bigint, (d.args->>'outbox_written_at')::timestamptz
FROM done d ORDER BY (d.args->>'deliver_after')::timestamptz, (d.args->>'outbox_seq')::bigint`

// takeDue completes other jobs whose events are due and have not been tried, and returns those events.
func takeDue(ctx context.Context, tx pgx.Tx, nodeID uuid.UUID) ([]outbox.Ref, error) {
	rows, err := tx.Query(ctx, takeDueJobs, dueTogether, nodeID.String())
	if err != nil {
		return nil, fmt.Errorf("looking for other events that are due: %w", err)
	}
	refs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[outbox.Ref])
	if err != nil {
		return nil, fmt.Errorf("looking for other events that are due: %w", err)
	}
	return refs, nil
}

type retryEventWorker struct {
	river.WorkerDefaults[retryEventArgs]

	pool      *pgxpool.Pool
	nodeID    uuid.UUID
	contested tellContested
	died      tellDied
}

// Timeout is that of a scheduled event.
func (*retryEventWorker) Timeout(*river.Job[retryEventArgs]) time.Duration { return eventTimeout }

// Work looks at the event before it waits for the relay's lock: while the event's type is unknown, its attempts
// delay nothing else.
func (w *retryEventWorker) Work(ctx context.Context, job *river.Job[retryEventArgs]) error {
	if err := outbox.Deliverable(ctx, w.pool, job.Args.Ref); err != nil {
		return settle(ctx, w.pool, job, job.Args.Ref, err, w.died)
	}
	return deliver(ctx, w.pool, job, job.Args.Ref, w.nodeID, w.contested, w.died)
}

// deliver gives an event its place in the log and completes the job, in one transaction. River tries a failure
// again. From the eventAttempts-th attempt on the event becomes a dead letter, which completes the job as well. A
// database that is away is not the event's fault and costs no attempt: otherwise a restart would make a scheduled
// event minutes late, and a bad day would make it a dead letter.
func deliver[T river.JobArgs](ctx context.Context, pool *pgxpool.Pool, job *river.Job[T], ref outbox.Ref,
	nodeID uuid.UUID, to tellContested,
	died tellDied,
) error {
	var contested []pass.Contested
	err := completing(ctx, pool, job, func(tx pgx.Tx) (err error) {
		contested, err = pass.AppendLater(ctx, tx, []outbox.Ref{ref}, nodeID)
		return err
	})
	to.tell(ctx, contested, err)
	return settle(ctx, pool, job, ref, err, died)
}

// tellContested is Config.Contested.
type tellContested func(ctx context.Context, events []pass.Contested)

// tell reports events that name another customer than their order's, if the transaction that delivered them has
// committed.
func (t tellContested) tell(ctx context.Context, events []pass.Contested, err error) {
	if t != nil && err == nil && len(events) > 0 {
		t(ctx, events)
	}
}

// tellDied is called with an event that has become a dead letter, once that is committed.
type tellDied func(ctx context.Context, ref outbox.Ref, reason error, attempts int)

// logDied returns a tellDied that logs to logger, in the relay's words for such an event.
func logDied(logger *slog.Logger) tellDied {
	return func(ctx context.Context, ref outbox.Ref, reason error, attempts int) {
		logger.ErrorContext(ctx, "an event died: it is not delivered unless it is mended or retried; see herald dead list",
			slog.String("event_id", ref.EventID.String()), slog.Int("attempts", attempts), slog.Any("reason", reason))
	}
}

// settle decides what becomes of an event and its job after an attempt that ended with err.
func settle[T river.JobArgs](ctx context.Context, pool *pgxpool.Pool, job *river.Job[T], ref outbox.Ref, err error,
	died tellDied,
) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pass.ErrPaused) || passing(err) {
		return river.JobSnooze(shortSnooze) //nolint:wrapcheck // River reads it
	}
	if !errors.Is(err, outbox.ErrRowGone) && !outbox.IsHopeless(err) && job.Attempt < eventAttempts {
		return err
	}
	buried := completing(ctx, pool, job, func(tx pgx.Tx) error {
		return outbox.Bury(ctx, tx, ref, err, job.Attempt)
	})
	if buried == nil && died != nil {
		died(ctx, ref, err, job.Attempt)
	}
	return buried
}

// passing reports whether an attempt failed because of the database or the connection, and not because of the event.
func passing(err error) bool {
	if _, undeliverable := errors.AsType[*event.UndeliverableError](err); undeliverable ||
		errors.Is(err, outbox.ErrRowGone) {
		return false
	}
	_, answered := errors.AsType[*pgconn.PgError](err)
	return !answered || postgres.Passing(err)
}

// errTaken says that the job no longer belongs to this attempt: its event was mended, or the attempt was taken for
// lost.
var errTaken = errors.New("the job was taken away meanwhile")

// beginBriefly begins a transaction that the server ends where its node falls silent in the middle: a frozen node
// holds the rows of the jobs that it has taken, and no other node could take them over.
const beginBriefly = "begin; set local idle_in_transaction_session_timeout = '1s'"

// completing completes the job in the transaction of its effect, and before the effect: the effect takes the relay's
// lock, and as little as possible is done under that lock.
func completing[T river.JobArgs](ctx context.Context, pool *pgxpool.Pool, job *river.Job[T],
	effect func(pgx.Tx) error,
) error {
	err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{BeginQuery: beginBriefly}, func(tx pgx.Tx) error {
		done, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		if err != nil {
			return fmt.Errorf("completing the job: %w", err)
		}
		// Where the job was taken away while this waited for it, River returns the job as it was.
		if done.State != rivertype.JobStateCompleted {
			return errTaken
		}
		return effect(tx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", job.Kind, err)
	}
	return nil
}
