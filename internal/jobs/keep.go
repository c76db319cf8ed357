package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
)

const (
	doneKept      = time.Hour // a sweep a second makes 3600 rows
	doneChunk     = 10_000
	abandonedNode = 10 * time.Second // that a node has been silent for
	abandonedJob  = retentionTimeout + 10*time.Minute

	reindexTimeout = time.Minute // for each index, under load
)

// forgetDone deletes jobs that are done. Jobs that failed for good are kept longer, to be looked at.
const forgetDone = `
DELETE FROM ` + riverJobs + ` WHERE id IN (
    SELECT j.id FROM ` + riverJobs + ` j
    WHERE j.state IN ('completed', 'cancelled', 'discarded')
        AND j.finalized_at < now() - make_interval(secs => $1) * CASE j.state WHEN 'completed' THEN 1 ELSE 168 END
    LIMIT $2)`

// recoverAbandoned ends jobs, other than events', whose node is gone or which have taken longer than any job may.
const recoverAbandoned = `
UPDATE ` + riverJobs + ` j SET
    state = CASE WHEN j.attempt < j.max_attempts THEN 'available'::` + riverJobs + `_state ELSE 'discarded' END,
    finalized_at = CASE WHEN j.attempt < j.max_attempts THEN NULL ELSE now() END
WHERE j.state = 'running' AND j.kind NOT IN ('deliver_scheduled', 'retry_event')
    AND (j.attempted_at < now() - make_interval(secs => $2) OR @ extract(epoch FROM j.attempted_at - now()) > $1
        AND NOT EXISTS (SELECT FROM herald.node n WHERE n.node_id::text = j.attempted_by[cardinality(j.attempted_by)]
            AND n.heartbeat_at > clock_timestamp() - make_interval(secs => $1)))`

// bringBack makes ready the jobs that wait for a time which neither their event's time nor the wait between two
// attempts explains: it was written before the database's clock was set back.
const bringBack = `
UPDATE ` + riverJobs + ` j SET scheduled_at = now(), state = 'available'
WHERE j.state IN ('available', 'scheduled', 'retryable') AND j.scheduled_at > greatest((j.args->>'deliver_after')::timestamptz, now())
    + make_interval(secs => 60 + 1.2 * power(greatest(coalesce(cardinality(j.errors), 0), 1), 4))`

// keepJobs does what a leader of River's would, by the database's clock.
func keepJobs(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, recoverAbandoned, abandonedNode.Seconds(), abandonedJob.Seconds()); err != nil {
		return fmt.Errorf("recovering jobs of nodes that are gone: %w", err)
	}
	if _, err := pool.Exec(ctx, bringBack); err != nil {
		return fmt.Errorf("bringing back jobs from the future: %w", err)
	}
	for {
		tag, err := pool.Exec(ctx, forgetDone, doneKept.Seconds(), doneChunk)
		if err != nil {
			return fmt.Errorf("forgetting jobs that are done: %w", err)
		}
		if tag.RowsAffected() < doneChunk {
			return nil
		}
	}
}

// reindexWorker rebuilds the indexes of River's jobs that only grow: an inverted index keeps each key that it ever
// had, and the arguments of an event's job are unique to it.
type reindexWorker struct {
	river.WorkerDefaults[reindexArgs]

	pool   *pgxpool.Pool
	logger *slog.Logger
}

func (w *reindexWorker) Timeout(*river.Job[reindexArgs]) time.Duration { return 3 * reindexTimeout }

// An index that an interrupted attempt has left is of no use.
func (w *reindexWorker) Work(ctx context.Context, _ *river.Job[reindexArgs]) error {
	var errs []error
	for _, index := range []string{riverJobs + "_args_index", riverJobs + "_metadata_index"} {
		for _, statement := range []string{
			"DROP INDEX CONCURRENTLY IF EXISTS " + index + "_ccnew",
			"REINDEX INDEX CONCURRENTLY " + index,
		} {
			limited, cancel := context.WithTimeout(ctx, reindexTimeout)
			if _, err := w.pool.Exec(limited, statement); err != nil {
				errs = append(errs, fmt.Errorf("rebuilding index %s: %w", index, err))
			}
			cancel()
		}
	}
	return errors.Join(errs...)
}
