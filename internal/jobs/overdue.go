package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/yummyzoom/herald/internal/postgres"
)

// Overdue is what should have been done by now, by the database's clock.
type Overdue struct {
	Events      int64         // scheduled ones and retries, counted up to overdueMost
	OldestEvent time.Duration // how long ago the time of the oldest of them was

	// Periodic is for how long a periodic job has been waiting to be enqueued, or to be begun; the longest of several.
	Periodic time.Duration
	Kind     string // which one
	// LastEnqueued is when any was enqueued; zero where no node has ever run. It lies in the future where the
	// database's clock was set back.
	LastEnqueued time.Time
}

const overdueMost = 10_000

// overdueEvents finds jobs by index, from the time at which they are ready. That is a little before the event's own
// time, which decides. Delivering an event may take a second.
const overdueEvents = `
SELECT count(*), coalesce(extract(epoch FROM now() - min(o.due)), 0)::float8 FROM (
    SELECT CASE j.kind WHEN 'deliver_scheduled' THEN (j.args->>'deliver_after')::timestamptz ELSE j.scheduled_at END AS due
    FROM ` + riverJobs + ` j
    WHERE j.state IN ('available', 'scheduled', 'retryable', 'running') AND j.queue = ANY ($1) AND j.priority = 1 AND j.scheduled_at <= now()
        AND j.kind IN ('deliver_scheduled', 'retry_event')
    LIMIT $2
) o WHERE o.due < now() - interval '1 s'`

// overduePeriodic leaves out the jobs that have never been enqueued.
const overduePeriodic = `
SELECT p.kind, extract(epoch FROM now() - p.enqueued_at - p.every)::float8 FROM herald.periodic_job p
WHERE p.kind = ANY ($1) AND p.enqueued_at > 'epoch' AND p.enqueued_at + p.every < now() ORDER BY p.enqueued_at + p.every LIMIT 1`

// lastEnqueued is an aggregate, so that it always returns a row.
const lastEnqueued = "SELECT max(p.enqueued_at) FILTER (WHERE p.enqueued_at > 'epoch') FROM herald.periodic_job p"

// queues are River's queues that hold Herald's jobs.
func queues() []string { return []string{river.QueueDefault, retryQueue} }

// ReadOverdue returns what is overdue, whichever node should have done it.
func ReadOverdue(ctx context.Context, db postgres.Database) (Overdue, error) {
	var o Overdue
	var oldest float64
	if err := db.QueryRow(ctx, overdueEvents, queues(), overdueMost).Scan(&o.Events, &oldest); err != nil {
		return o, fmt.Errorf("looking for events that are overdue: %w", err)
	}
	o.OldestEvent = seconds(oldest)
	var last *time.Time
	if err := db.QueryRow(ctx, lastEnqueued).Scan(&last); err != nil {
		return o, fmt.Errorf("looking for the last periodic job: %w", err)
	}
	if last != nil {
		o.LastEnqueued = *last
	}
	kinds := []string{
		sweepArgs{}.Kind(), partitionsArgs{}.Kind(), retentionArgs{}.Kind(), housekeepingArgs{}.Kind(),
		selfcheckArgs{}.Kind(),
	}
	rows, err := db.Query(ctx, overduePeriodic, kinds)
	if err != nil {
		return o, fmt.Errorf("looking for periodic jobs that are overdue: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var late float64
		if err := rows.Scan(&o.Kind, &late); err != nil {
			return o, fmt.Errorf("looking for periodic jobs that are overdue: %w", err)
		}
		o.Periodic = seconds(late)
	}
	if err := rows.Err(); err != nil {
		return o, fmt.Errorf("looking for periodic jobs that are overdue: %w", err)
	}
	return o, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
