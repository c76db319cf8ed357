package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
)

const (
	promoteTimeout = 10 * time.Second
	promoteMost    = 10_000 // jobs in one go

	// heartbeatsMissed is how long a node may be silent before its jobs are others'.
	heartbeatsMissed = 10 * time.Second

	// eventTimeout is how long one attempt at an event may take; it takes milliseconds. stuckAfter is when an attempt that has not come
	// to an end never will, though its node lives: it could not tell the database.
	eventTimeout = 10 * time.Second
	stuckAfter   = eventTimeout + 5*time.Second
)

// promote makes the events' jobs ready whose time has come, and those whose attempt was lost, with its node or with
// the connection that should have told of its end, and returns how many. River's
// leader does both as well, but a leader that crashed has no successor for up to 21 seconds, and it takes a job for stuck after
// an hour. A job that is worked twice has its effect once: it is completed in the effect's transaction.
//
// The index is on (state, queue, priority, scheduled_at).
const promote = `
WITH due AS (
    SELECT j.id FROM ` + riverJobs + ` j
    WHERE j.state IN ('scheduled', 'retryable') AND j.queue = $4 AND j.priority = 1 AND j.scheduled_at <= now()
        AND j.kind IN ('deliver_scheduled', 'retry_event')
    ORDER BY j.scheduled_at, j.id LIMIT $1 FOR UPDATE SKIP LOCKED
), orphaned AS (
    SELECT j.id FROM ` + riverJobs + ` j
    WHERE j.state = 'running' AND j.queue = $4 AND j.priority = 1 AND j.attempted_at < now() - make_interval(secs => $2)
        AND j.kind IN ('deliver_scheduled', 'retry_event')
        AND (j.attempted_at < now() - make_interval(secs => $3)
            OR NOT EXISTS (SELECT FROM herald.node n WHERE n.node_id::text = j.attempted_by[cardinality(j.attempted_by)]
                AND n.heartbeat_at > clock_timestamp() - make_interval(secs => $2)))
    LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE ` + riverJobs + ` SET state = 'available' WHERE id IN (SELECT d.id FROM due d UNION ALL SELECT o.id FROM orphaned o)`

func promoteDue(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, promoteTimeout)
	defer cancel()
	promoted := int64(0)
	for _, queue := range []string{river.QueueDefault, retryQueue} {
		tag, err := pool.Exec(ctx, promote, promoteMost, heartbeatsMissed.Seconds(), stuckAfter.Seconds(), queue)
		if err != nil {
			return promoted, fmt.Errorf("making due jobs ready: %w", err)
		}
		promoted += tag.RowsAffected()
	}
	return promoted, nil
}

// keepPromoting looks every second until ctx ends.
func keepPromoting(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) {
	ticker := time.NewTicker(promoteInterval)
	defer ticker.Stop()
	failing := false
	for {
		_, err := promoteDue(ctx, pool)
		if err != nil && ctx.Err() == nil && !failing { // once: the others that use the database say so as well
			logger.WarnContext(ctx, "scheduled events may be late", slog.Any("error", err))
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
