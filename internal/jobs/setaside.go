package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/yummyzoom/herald/internal/outbox"
)

// How long River may take to promote a scheduled job, and how long a failed event rests before its first retry.
const (
	promotionInterval = 5 * time.Second
	firstRetry        = time.Second
)

// SetAside keeps events as jobs, in the relay's transaction.
type SetAside struct {
	client *river.Client[pgx.Tx]
}

// NewSetAside returns a SetAside that only inserts jobs; [Jobs] works them.
func NewSetAside(pool *pgxpool.Pool) (*SetAside, error) {
	client, err := newInserter(pool)
	if err != nil {
		return nil, err
	}
	return &SetAside{client: client}, nil
}

// newInserter returns a client that only inserts jobs.
func newInserter(pool *pgxpool.Pool) (*river.Client[pgx.Tx], error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Schema: schema})
	if err != nil {
		return nil, fmt.Errorf("creating River's inserting client: %w", err)
	}
	return client, nil
}

// scheduled is a job that delivers an event at due. A job that is scheduled waits for River's leader to promote it, which does so
// every few seconds, and for longer than that after the leader's crash; so what is due before then is a job at once, and snoozes.
func scheduled(ref outbox.Ref, due time.Time) (deliverScheduledArgs, *river.InsertOpts) {
	opts := &river.InsertOpts{}
	if promoted := due.Add(-promotionInterval); promoted.After(time.Now()) {
		opts.ScheduledAt = promoted
	}
	return deliverScheduledArgs{Ref: ref, DeliverAfter: due}, opts
}

// DeliverLater keeps each row until its DeliverAfter.
func (s *SetAside) DeliverLater(ctx context.Context, tx pgx.Tx, rows []*outbox.Row) error {
	params := make([]river.InsertManyParams, len(rows))
	for i, row := range rows {
		params[i].Args, params[i].InsertOpts = scheduled(row.Ref(), row.DeliverAfter)
	}
	if _, err := s.client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("inserting deliver_scheduled jobs: %w", err)
	}
	return nil
}

// Hold keeps a row until due, for a reason that whoever asks after the event is told, and returns the job's number.
func (s *SetAside) Hold(ctx context.Context, tx pgx.Tx, row *outbox.Row, due time.Time, reason string) (int64, error) {
	args, opts := scheduled(row.Ref(), due)
	args.Reason = reason
	inserted, err := s.client.InsertTx(ctx, tx, args, opts)
	if err != nil {
		return 0, fmt.Errorf("inserting a deliver_scheduled job: %w", err)
	}
	return inserted.Job.ID, nil
}

// move makes a job that waits deliver another event. One that is being worked is not waited for: it may be waiting for this transaction.
const move = `
WITH job AS (
    SELECT j.id FROM ` + riverJobs + ` j
    WHERE j.id = $1 AND j.state IN ('available', 'pending', 'retryable', 'scheduled') FOR UPDATE SKIP LOCKED
)
UPDATE ` + riverJobs + ` r SET args = r.args || $2::jsonb FROM job WHERE r.id = job.id`

// Move makes the job deliver row instead. It returns false where the job is being worked or has been.
func (s *SetAside) Move(ctx context.Context, tx pgx.Tx, job int64, row *outbox.Row) (bool, error) {
	tag, err := tx.Exec(ctx, move, job, row.Ref())
	if err != nil {
		return false, fmt.Errorf("making job %d deliver event %s: %w", job, row.ID, err)
	}
	return tag.RowsAffected() > 0, nil
}

// Retry keeps rows that could not be turned into messages, each for its reason, to be tried again.
func (s *SetAside) Retry(ctx context.Context, tx pgx.Tx, rows []*outbox.Row, reasons []error) error {
	soon := time.Now().Add(firstRetry)
	params := make([]river.InsertManyParams, len(rows))
	for i, row := range rows {
		at := soon
		if row.DeliverAfter.After(at) {
			at = row.DeliverAfter
		}
		params[i] = river.InsertManyParams{
			Args: retryEventArgs{Ref: row.Ref(), Reason: reasons[i].Error()}, InsertOpts: &river.InsertOpts{ScheduledAt: at},
		}
	}
	if _, err := s.client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("inserting retry_event jobs: %w", err)
	}
	return nil
}
