package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	promoteTimeout = 10 * time.Second
	promoteMost    = 10_000                  // jobs in one go
	clockGood      = 1500 * time.Millisecond // the node's heartbeat reads the database's clock, too

	// An attempt that has taken longer than slowAttempt, and whose node has been silent for silentNode (a heartbeat
	// comes every second), is begun anew by another node: its node is dead or frozen. A node that is only slow loses
	// nothing by it.
	slowAttempt = time.Second
	silentNode  = 1100 * time.Millisecond

	// eventTimeout is how long one attempt at an event may take; it takes milliseconds. stuckAfter is when an attempt
	// counts as lost although its node lives: it could not tell the database of its end.
	eventTimeout = 10 * time.Second
	stuckAfter   = eventTimeout + 5*time.Second
)

// promote makes ready the jobs whose time has come, by the database's clock, and the events' jobs whose attempt was
// lost. An attempt is lost with its node, with the connection that should have told of its end, or by a beginning in
// the future, from before the database's clock was set back. It returns their number. A job that is worked twice has
// its effect once: it is completed in the effect's transaction, and an event whose id is in the log gets no second
// place there.
//
// The index is on (state, queue, priority, scheduled_at).
const promote = `
WITH due AS (
    SELECT j.id FROM ` + riverJobs + ` j
    WHERE j.state IN ('scheduled', 'retryable') AND j.queue = ANY ($4) AND j.priority = 1 AND j.scheduled_at <= now()
    ORDER BY j.scheduled_at, j.id LIMIT $1 FOR UPDATE SKIP LOCKED
), orphaned AS (
    SELECT j.id FROM ` + riverJobs + ` j
    WHERE j.state = 'running' AND j.queue = ANY ($4) AND j.priority = 1 AND j.kind IN ('deliver_scheduled', 'retry_event')
        AND (j.attempted_at < now() - make_interval(secs => $3) OR j.attempted_at > now() + interval '5 s'
            OR j.attempted_at < now() - make_interval(secs => $2)
            AND NOT EXISTS (SELECT FROM herald.node n WHERE n.node_id::text = j.attempted_by[cardinality(j.attempted_by)]
                AND n.heartbeat_at > clock_timestamp() - make_interval(secs => $5)))
    LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE ` + riverJobs + ` SET state = 'available' WHERE id IN (SELECT d.id FROM due d UNION ALL SELECT o.id FROM orphaned o)`

func promoteDue(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	tag, err := pool.Exec(ctx, promote, promoteMost, slowAttempt.Seconds(), stuckAfter.Seconds(), queues(),
		silentNode.Seconds())
	if err != nil {
		return 0, fmt.Errorf("making due jobs ready: %w", err)
	}
	return tag.RowsAffected(), nil
}

// keepTime does what is due twice a second, until ctx ends.
func (j *Jobs) keepTime(ctx context.Context) {
	ticker := time.NewTicker(promoteInterval)
	defer ticker.Stop()
	failing := false
	for {
		err := j.due(ctx)
		if err != nil && ctx.Err() == nil && !failing { // logged once: other users of the database log it, too
			j.cfg.Logger.WarnContext(ctx, "scheduled events may be late", slog.Any("error", err))
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (j *Jobs) due(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, promoteTimeout)
	defer cancel()
	if j.cfg.Clock.Age() > clockGood {
		if err := j.cfg.Clock.Read(ctx, j.cfg.Pool); err != nil {
			return err
		}
	}
	if _, err := promoteDue(ctx, j.cfg.Pool); err != nil {
		return err
	}
	_, err := j.enqueue(ctx)
	return err
}
