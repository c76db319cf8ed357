package jobs

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/yummyzoom/herald/internal/outbox"
)

// DeadLetters are the events that are not tried again by themselves, for those who decide what becomes of them.
type DeadLetters struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	clock  *outbox.Clock // is read in each transaction that inserts
}

// NewDeadLetters returns the dead letters of pool's database.
func NewDeadLetters(pool *pgxpool.Pool) (*DeadLetters, error) {
	client, clock, err := newInserter(pool)
	if err != nil {
		return nil, err
	}
	return &DeadLetters{pool, client, clock}, nil
}

// List returns at most limit of them, the newest first, behind before.
func (d *DeadLetters) List(ctx context.Context, before *outbox.DeadLetter, limit int) ([]outbox.DeadLetter, error) {
	return outbox.DeadLetters(ctx, d.pool, before, limit)
}

// Retry makes a dead letter, dropped or not, a job again, with all its attempts: in one transaction, so that it is always one of
// the two. It fails with [outbox.ErrNotDead].
func (d *DeadLetters) Retry(ctx context.Context, eventID uuid.UUID) error {
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		ref, reason, err := outbox.Exhume(ctx, tx, eventID)
		if err != nil {
			return err
		}
		if err := d.clock.Read(ctx, tx); err != nil {
			return err
		}
		if _, err := d.client.InsertTx(ctx, tx, retryEventArgs{Ref: ref, Reason: reason}, nil); err != nil {
			return fmt.Errorf("inserting a retry_event job: %w", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("retrying event %s: %w", eventID, err)
	}
	return nil
}

// Drop strikes a dead letter off the list. It fails with [outbox.ErrNotDead].
func (d *DeadLetters) Drop(ctx context.Context, eventID uuid.UUID) error {
	return outbox.Drop(ctx, d.pool, eventID)
}
