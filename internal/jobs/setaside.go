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

// schema holds River's tables, beside Herald's own.
const schema = "herald"

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

// DeliverLater keeps each row until its DeliverAfter. A job that is scheduled waits for River's leader to promote it, which does so
// every few seconds, and for longer than that after the leader's crash; so what is due before then is a job at once, and snoozes.
func (s *SetAside) DeliverLater(ctx context.Context, tx pgx.Tx, rows []*outbox.Row) error {
	params := make([]river.InsertManyParams, len(rows))
	for i, row := range rows {
		params[i] = river.InsertManyParams{Args: deliverScheduledArgs{Ref: row.Ref(), DeliverAfter: row.DeliverAfter}}
		if promoted := row.DeliverAfter.Add(-promotionInterval); promoted.After(time.Now()) {
			params[i].InsertOpts = &river.InsertOpts{ScheduledAt: promoted}
		}
	}
	if _, err := s.client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("inserting deliver_scheduled jobs: %w", err)
	}
	return nil
}

// Retry keeps a row that could not be turned into messages, to be tried again.
func (s *SetAside) Retry(ctx context.Context, tx pgx.Tx, row *outbox.Row, reason error) error {
	at := time.Now().Add(firstRetry)
	if row.DeliverAfter.After(at) {
		at = row.DeliverAfter
	}
	_, err := s.client.InsertTx(ctx, tx, retryEventArgs{Ref: row.Ref(), Reason: reason.Error()}, &river.InsertOpts{ScheduledAt: at})
	if err != nil {
		return fmt.Errorf("inserting a retry_event job: %w", err)
	}
	return nil
}
