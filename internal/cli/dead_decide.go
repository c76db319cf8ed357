package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
)

// decisionTimeout bounds one attempt at one dead letter, which goes on when the command is interrupted.
const decisionTimeout = 5 * time.Second

// deadChoice is which dead letters a command is about.
type deadChoice struct {
	EventIDs []uuid.UUID `arg:"" name:"event-id" optional:"" help:"The events' ids."`
	All      bool        `help:"All that are listed."`
}

// decision is what becomes of a dead letter, and what is printed of it.
type decision struct {
	done string
	do   func(*jobs.DeadLetters, context.Context, uuid.UUID) error
}

// interruptedError says how far a command has come that was told to end.
type interruptedError struct{ done, of int }

func (e *interruptedError) Error() string {
	return fmt.Sprintf("interrupted after %d of %d", e.done, e.of)
}

// apply decides about each of the chosen dead letters. One that is none does not keep it from the others. What has begun when the command is
// interrupted comes to its end, so that what is printed is what was done.
func (c *deadChoice) apply(ctx context.Context, db *existing, logger *slog.Logger, s *streams, d decision) error {
	if c.All == (len(c.EventIDs) > 0) {
		return errors.New("name the events by their ids, or all of them with --all")
	}
	letters, closePool, err := openDeadLetters(ctx, db, postgres.Options{Writing: true, Logger: logger})
	if err != nil {
		return err
	}
	defer closePool()
	ids := c.EventIDs
	if c.All {
		err = eachDeadLetter(ctx, letters, func(d outbox.DeadLetter) (bool, error) {
			ids = append(ids, d.EventID)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	done, missed := 0, 0
	for _, id := range ids {
		if ctx.Err() != nil {
			return &interruptedError{done, len(ids)}
		}
		switch err := d.decide(ctx, letters, id, db.waiter(logger)); {
		case errors.Is(err, outbox.ErrNotDead):
			missed++
			_, _ = fmt.Fprintf(s.err, "%s: %v; see herald trace\n", id, outbox.ErrNotDead)
		case errors.Is(err, outbox.ErrRowLost):
			missed++
			_, _ = fmt.Fprintf(s.err, "%s: %v\n", id, outbox.ErrRowLost)
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("%w; of event %s it is not known, see herald trace: %w", &interruptedError{done, len(ids)}, id, err)
		case err != nil:
			return fmt.Errorf("stopped after %d of %d: %w", done, len(ids), err)
		default:
			done++
			_, _ = fmt.Fprintf(s.out, "%s %s\n", d.done, id)
		}
	}
	if missed > 0 {
		return errFindings
	}
	return nil
}

// decide decides about one dead letter, again where the database went away meanwhile: one that is none any more after an attempt without
// an answer was decided about by that.
func (d decision) decide(ctx context.Context, letters *jobs.DeadLetters, id uuid.UUID, waiter *postgres.Waiter) error {
	unknown := false
	err := waiter.Do(ctx, func(context.Context) error {
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), decisionTimeout)
		defer cancel()
		err := d.do(letters, attempt, id)
		if unknown && errors.Is(err, outbox.ErrNotDead) {
			return nil
		}
		unknown = unknown || err != nil && mayHaveHappened(err)
		return err
	})
	if err != nil && unknown && ctx.Err() == nil {
		return fmt.Errorf("of event %s it is not known, see herald trace: %w", id, err)
	}
	return err
}

// mayHaveHappened reports whether what failed with err may have had its effect.
func mayHaveHappened(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return !connecting && !pgconn.SafeToRetry(err)
}
