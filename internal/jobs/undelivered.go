package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
)

// UndeliveredMost bounds the count of undelivered events of each kind, because every scrape asks for it.
const UndeliveredMost = 10_000

// Undelivered is how many events could not be delivered, and for how long the oldest of them.
type Undelivered struct {
	Dead       int // not tried again by themselves; up to [UndeliveredMost]
	OldestDead time.Duration

	Retrying       int // tried again by themselves; up to [UndeliveredMost]
	OldestRetrying time.Duration
}

// failingJobs are the jobs of events that could not be delivered at least once, by the index that River fetches by.
// Retries have a queue of their own. In the other queue a job that failed is retryable, or for moments available or
// running. Only so many of the available jobs there are looked at, because all due jobs are available while the
// relay is paused.
const failingJobs = `(
    SELECT j.* FROM ` + riverJobs + ` j
    WHERE j.queue = 'retries' AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled') AND j.priority = 1 AND j.kind = 'retry_event'
    UNION ALL
    SELECT j.* FROM ` + riverJobs + ` j
    WHERE j.queue = 'default' AND j.state IN ('retryable', 'running') AND j.priority = 1 AND j.kind = 'deliver_scheduled' AND j.errors IS NOT NULL
    UNION ALL
    SELECT a.* FROM (SELECT j.* FROM ` + riverJobs + ` j WHERE j.queue = 'default' AND j.state = 'available' AND j.priority = 1
        ORDER BY j.scheduled_at, j.id LIMIT 10000) a
    WHERE a.kind = 'deliver_scheduled' AND a.errors IS NOT NULL
)`

// failingSince is when a job's event first failed since it became a job.
const failingSince = `CASE j.kind WHEN 'retry_event' THEN j.created_at ELSE (j.errors[1]->>'at')::timestamptz END`

const countRetrying = `
SELECT count(*), greatest(coalesce(extract(epoch FROM now() - min(f.since)), 0), 0)::float8
FROM (SELECT ` + failingSince + ` AS since FROM ` + failingJobs + ` j LIMIT $1) f`

// ReadUndelivered counts them, on whichever node they failed.
func ReadUndelivered(ctx context.Context, db postgres.Database) (u Undelivered, err error) {
	if u.Dead, u.OldestDead, err = outbox.CountDeadLetters(ctx, db, UndeliveredMost); err != nil {
		return u, err
	}
	var oldest float64
	if err := db.QueryRow(ctx, countRetrying, UndeliveredMost).Scan(&u.Retrying, &oldest); err != nil {
		return u, fmt.Errorf("counting the events that are tried again: %w", err)
	}
	u.OldestRetrying = seconds(oldest)
	return u, nil
}

const retryingJobs = `
SELECT j.id, (j.args->>'event_id')::uuid, (j.args->>'outbox_written_at')::timestamptz, ` + failingSince + `,
    CASE WHEN j.state <> 'running' THEN j.scheduled_at END, j.attempt, coalesce(j.errors[cardinality(j.errors)]->>'error', j.args->>'reason', ''),
    o.event_type, o.resource_id
FROM (SELECT j.* FROM ` + failingJobs + ` j WHERE j.id < $1 ORDER BY j.id DESC LIMIT $2) j LEFT JOIN LATERAL (
    SELECT CASE WHEN octet_length(b.event_type) <= 1024 THEN b.event_type ELSE '' END AS event_type, b.resource_id
    FROM herald.outbox b WHERE b.seq = (j.args->>'outbox_seq')::bigint AND b.written_at = (j.args->>'outbox_written_at')::timestamptz LIMIT 1) o ON true
ORDER BY j.id DESC`

// listRetrying returns at most limit events that are tried again, the newest first, behind before.
func listRetrying(ctx context.Context, db postgres.Database, before *outbox.DeadLetter,
	limit int,
) ([]outbox.DeadLetter, error) {
	const newest = 1<<63 - 1
	below := int64(newest)
	if before != nil {
		below = before.Job
	}
	rows, err := db.Query(ctx, retryingJobs, below, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the events that are tried again: %w", err)
	}
	letters, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (outbox.DeadLetter, error) {
		d := outbox.DeadLetter{State: outbox.StatusRetrying}
		var written, since, next *time.Time
		var eventType *string
		var resource uuid.NullUUID
		err := row.Scan(&d.Job, &d.EventID, &written, &since, &next, &d.Attempts, &d.Reason, &eventType, &resource)
		d.WrittenAt, d.FailingSince, d.NextAttemptAt, d.ResourceID = postgres.OrZero(written), postgres.OrZero(since),
			postgres.OrZero(next), resource.UUID
		d.Type = event.Type(postgres.OrZero(eventType))
		return d, err //nolint:wrapcheck // wrapped once, below
	})
	if err != nil {
		return nil, fmt.Errorf("reading the events that are tried again: %w", err)
	}
	return letters, nil
}

// takeFailingJobs waits for jobs that are being completed, and leaves none to the attempts that go on: an attempt
// that cannot complete its job has no effect.
const takeFailingJobs = `
DELETE FROM ` + riverJobs + ` j
WHERE j.args @> jsonb_build_object('event_id', $1::uuid) AND j.kind IN ('deliver_scheduled', 'retry_event')
    AND j.state NOT IN ('completed', 'cancelled', 'discarded') AND (j.kind = 'retry_event' OR j.errors IS NOT NULL)
RETURNING j.args`

// takeFailing deletes the jobs that try an event again, and returns the place of its newest row; failing is false
// where there are none.
func takeFailing(ctx context.Context, tx pgx.Tx, eventID uuid.UUID) (ref outbox.Ref, failing bool, err error) {
	rows, err := tx.Query(ctx, takeFailingJobs, eventID)
	if err != nil {
		return ref, false, fmt.Errorf("taking the jobs of event %s: %w", eventID, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[json.RawMessage])
	if err != nil {
		return ref, false, fmt.Errorf("taking the jobs of event %s: %w", eventID, err)
	}
	for _, args := range all {
		var of outbox.Ref
		if err := json.Unmarshal(args, &of); err != nil {
			return ref, false, fmt.Errorf("reading a job of event %s: %w", eventID, err)
		}
		if !failing || of.Seq > ref.Seq {
			ref, failing = of, true
		}
	}
	return ref, failing, nil
}
