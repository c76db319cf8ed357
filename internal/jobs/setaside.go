package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
)

// promotionInterval is how long before its event's time a scheduled job is made ready. firstRetry is how long a
// failed event rests before its first retry.
const (
	promotionInterval = 5 * time.Second
	firstRetry        = time.Second
)

// SetAside keeps events as jobs, in the relay's transaction.
type SetAside struct {
	client *river.Client[pgx.Tx]
	clock  *dbclock.Clock // read in each transaction that inserts
}

// NewSetAside returns a SetAside that only inserts jobs; [Jobs] works them.
func NewSetAside(pool *pgxpool.Pool) (*SetAside, error) {
	client, clock, err := newInserter(pool)
	if err != nil {
		return nil, err
	}
	return &SetAside{client, clock}, nil
}

// newInserter returns a client that only inserts jobs. They are due by a clock that has to be read before.
func newInserter(pool *pgxpool.Pool) (*river.Client[pgx.Tx], *dbclock.Clock, error) {
	clock := dbclock.New(slog.New(slog.DiscardHandler)) // the node's own clock logs
	client, err := river.NewClient(riverpgxv5.New(pool),
		&river.Config{Schema: schema, Test: river.TestConfig{Time: insertTime{clock}}})
	if err != nil {
		return nil, nil, fmt.Errorf("creating River's inserting client: %w", err)
	}
	return client, clock, nil
}

// scheduled is a job that delivers an event at due. A scheduled job is made ready a few seconds before due, and
// snoozes. So a job that is due before then is ready at once. Now is the database's time.
func scheduled(ref outbox.Ref, due, now time.Time) (deliverScheduledArgs, *river.InsertOpts) {
	opts := &river.InsertOpts{}
	if promoted := due.Add(-promotionInterval); promoted.After(now) {
		opts.ScheduledAt = promoted
	}
	return deliverScheduledArgs{Ref: ref, DeliverAfter: due}, opts
}

// DeliverLater keeps each row until its DeliverAfter.
func (s *SetAside) DeliverLater(ctx context.Context, tx pgx.Tx, rows []*outbox.Row) error {
	if err := s.clock.Read(ctx, tx); err != nil {
		return err
	}
	now := s.clock.Now()
	params := make([]river.InsertManyParams, len(rows))
	for i, row := range rows {
		params[i].Args, params[i].InsertOpts = scheduled(row.Ref(), row.DeliverAfter, now)
	}
	if _, err := s.client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("inserting deliver_scheduled jobs: %w", err)
	}
	return nil
}

// Hold keeps a row until due, for a reason that the event's story shows, and returns the job's number.
func (s *SetAside) Hold(ctx context.Context, tx pgx.Tx, row *outbox.Row, due time.Time, reason string) (int64, error) {
	if err := s.clock.Read(ctx, tx); err != nil {
		return 0, err
	}
	args, opts := scheduled(row.Ref(), due, s.clock.Now())
	args.Reason = reason
	inserted, err := s.client.InsertTx(ctx, tx, args, opts)
	if err != nil {
		return 0, fmt.Errorf("inserting a deliver_scheduled job: %w", err)
	}
	return inserted.Job.ID, nil
}

// move makes a waiting job deliver another event. It does not wait for a job that is being worked, because that job
// may be waiting for this transaction.
const move = `
WITH job AS (
    SELECT j.id FROM ` + riverJobs + ` j
    WHERE j.id = $1 AND j.state IN ('available', 'pending', 'retryable', 'scheduled') FOR UPDATE SKIP LOCKED
)
UPDATE ` + riverJobs + ` r SET args = r.args || $2::jsonb || jsonb_build_object('deliver_after', least((r.args->>'deliver_after')::timestamptz, $3)),
    scheduled_at = least(r.scheduled_at, $3)
FROM job WHERE r.id = job.id`

// Move makes the job deliver row instead, at due if its own time is later. It returns false where the job is being
// worked or has been worked.
func (s *SetAside) Move(ctx context.Context, tx pgx.Tx, job int64, row *outbox.Row, due time.Time) (bool, error) {
	tag, err := tx.Exec(ctx, move, job, row.Ref(), due)
	if err != nil {
		return false, fmt.Errorf("making job %d deliver event %s: %w", job, row.ID, err)
	}
	return tag.RowsAffected() > 0, nil
}

// Retry keeps rows that could not be turned into messages, each with its reason, to be tried again.
func (s *SetAside) Retry(ctx context.Context, tx pgx.Tx, rows []*outbox.Row, reasons []error) error {
	if err := s.clock.Read(ctx, tx); err != nil {
		return err
	}
	soon := s.clock.Now().Add(firstRetry)
	params := make([]river.InsertManyParams, len(rows))
	for i, row := range rows {
		at := soon
		if row.DeliverAfter.After(at) {
			at = row.DeliverAfter
		}
		params[i] = river.InsertManyParams{
			Args:       retryEventArgs{Ref: row.Ref(), Reason: reasons[i].Error(), DeliverAfter: row.DeliverAfter},
			InsertOpts: &river.InsertOpts{ScheduledAt: at},
		}
	}
	if _, err := s.client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("inserting retry_event jobs: %w", err)
	}
	return nil
}
