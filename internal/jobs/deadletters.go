package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
)

// DeadLetters are the events that could not be delivered, and the decisions about them.
type DeadLetters struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	clock  *dbclock.Clock // read in each transaction that inserts
}

// NewDeadLetters returns the dead letters of pool's database.
func NewDeadLetters(pool *pgxpool.Pool) (*DeadLetters, error) {
	client, clock, err := newInserter(pool)
	if err != nil {
		return nil, err
	}
	return &DeadLetters{pool, client, clock}, nil
}

// List returns at most limit of them, behind before: first those that are not tried again, then those that are, the
// newest first in each.
func (d *DeadLetters) List(ctx context.Context, before *outbox.DeadLetter, limit int) ([]outbox.DeadLetter, error) {
	var letters []outbox.DeadLetter
	if before == nil || before.State != outbox.StatusRetrying {
		var err error
		if letters, err = outbox.DeadLetters(ctx, d.pool, before, limit); err != nil || len(letters) == limit {
			return letters, err
		}
		before = nil
	}
	retrying, err := listRetrying(ctx, d.pool, before, limit-len(letters))
	return append(letters, retrying...), err
}

// Count returns how many of both kinds there are.
func (d *DeadLetters) Count(ctx context.Context) (Undelivered, error) {
	return ReadUndelivered(ctx, d.pool)
}

// Retry turns a dead letter, dropped or not, into a job again, with all its attempts, in one transaction: the event
// is always one of the two. By names who asked for it. It fails with [outbox.ErrNotDead].
func (d *DeadLetters) Retry(ctx context.Context, eventID uuid.UUID, by string) error {
	err := d.briefly(ctx, func(tx pgx.Tx) error {
		ref, reason, err := outbox.Exhume(ctx, tx, eventID)
		if err != nil {
			return err
		}
		if err := outbox.Note(ctx, tx, eventID, outbox.StepRetried, by, ""); err != nil {
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

// Drop takes a dead letter off the list. It fails with [outbox.ErrNotDead].
func (d *DeadLetters) Drop(ctx context.Context, eventID uuid.UUID, by string) error {
	return outbox.Drop(ctx, d.pool, eventID, by)
}

// briefly runs f in a transaction that a silent process does not hold open, because the relay may wait for its
// locks.
func (d *DeadLetters) briefly(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{BeginQuery: beginBriefly}, f) //nolint:wrapcheck // f's, or wrapped by the callers
}

// Show returns the row of an event that could not be delivered, as JSON. It fails with [outbox.ErrNotDead].
func (d *DeadLetters) Show(ctx context.Context, eventID uuid.UUID) ([]byte, error) {
	found, err := outbox.Trace(ctx, d.pool, eventID)
	if err != nil {
		return nil, err
	}
	switch w := found[0]; w.Status {
	case outbox.StatusDead, outbox.StatusDropped, outbox.StatusRetrying:
		return outbox.Show(ctx, d.pool, outbox.Ref{EventID: eventID, Seq: w.OutboxSeq, WrittenAt: w.WrittenAt})
	default:
		return nil, outbox.ErrNotDead
	}
}

// mendAttempts is how often Mend looks for an event that others decide about, or try to deliver, at the same moment.
const mendAttempts = 3

// Mend changes an event that could not be delivered, whether dead, dropped or tried again. The event takes its place
// behind the events that its groups have. All of it happens in one transaction, in which everything else that could
// deliver or bury the event is locked or gone. Of several concurrent calls, or of a call and an attempt that goes
// on, one comes first, and the others find what it has left. Mend fails with [outbox.ErrNotKnown],
// [outbox.ErrWaiting], [outbox.ErrMoved] and as [outbox.Mend] does; then nothing has changed.
func (d *DeadLetters) Mend(ctx context.Context, eventID uuid.UUID, m *outbox.Mending,
	by string,
) (mended outbox.Mended, err error) {
	for range mendAttempts {
		err = d.briefly(ctx, func(tx pgx.Tx) (err error) {
			mended, err = d.mend(ctx, tx, eventID, m, by)
			return err
		})
		if !errors.Is(err, outbox.ErrMoved) {
			break
		}
	}
	if err != nil {
		return outbox.Mended{}, fmt.Errorf("mending event %s: %w", eventID, err)
	}
	return mended, nil
}

// mend takes the locks in the order in which a worked job takes them: the job's, and then those of its effect.
func (d *DeadLetters) mend(ctx context.Context, tx pgx.Tx, eventID uuid.UUID, m *outbox.Mending,
	by string,
) (outbox.Mended, error) {
	ref, failing, err := takeFailing(ctx, tx, eventID)
	if err != nil {
		return outbox.Mended{}, err
	}
	dead, _, err := outbox.Exhume(ctx, tx, eventID)
	switch {
	case errors.Is(err, outbox.ErrNotDead) && !failing:
		return outbox.Mended{}, notFailing(ctx, tx, eventID)
	case errors.Is(err, outbox.ErrNotDead):
	case err != nil:
		return outbox.Mended{}, err
	case !failing || dead.Seq > ref.Seq:
		ref = dead
	}
	mended, err := outbox.Mend(ctx, tx, ref, m)
	if err != nil {
		return outbox.Mended{}, err
	}
	if found, err := outbox.Trace(ctx, tx, eventID); err != nil || found[0].Status != outbox.StatusUnknown {
		// It was published again, and that row still waits for its turn.
		return outbox.Mended{}, errors.Join(err, outbox.ErrWaiting)
	}
	if err := outbox.Note(ctx, tx, eventID, outbox.StepMended, by, mended.String()); err != nil {
		return outbox.Mended{}, err
	}
	if err := d.clock.Read(ctx, tx); err != nil {
		return outbox.Mended{}, err
	}
	due := mended.DeliverAfter
	if due.IsZero() {
		due = d.clock.Now()
	}
	args, opts := scheduled(ref, due, d.clock.Now())
	args.Reason = "mended"
	if by != "" {
		args.Reason += " by " + by
	}
	if _, err := d.client.InsertTx(ctx, tx, args, opts); err != nil {
		return outbox.Mended{}, fmt.Errorf("inserting a deliver_scheduled job: %w", err)
	}
	return mended, nil
}

// notFailing says why there is nothing to mend.
func notFailing(ctx context.Context, tx pgx.Tx, eventID uuid.UUID) error {
	found, err := outbox.Trace(ctx, tx, eventID)
	if err != nil {
		return err
	}
	switch found[0].Status {
	case outbox.StatusRelayed, outbox.StatusDuplicate:
		return outbox.ErrRelayed
	case outbox.StatusUnknown:
		return outbox.ErrNotKnown
	case outbox.StatusWaiting, outbox.StatusScheduled:
		return outbox.ErrWaiting
	default:
		return outbox.ErrMoved
	}
}
