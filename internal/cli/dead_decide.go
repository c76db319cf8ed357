package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
)

// decisionTimeout bounds one attempt at one dead letter, which continues when the command is interrupted.
const decisionTimeout = 5 * time.Second

// deadChoice selects the dead letters of a command.
type deadChoice struct {
	EventIDs []uuid.UUID `arg:"" name:"event-id" optional:"" help:"The events' ids."`
	All      bool        `help:"All that are dead."`
	By       string      `placeholder:"WHO" help:"Who decides so, for those who trace the events. Defaults to this user and host."`
}

// decision is what a command does with a dead letter, and what it prints.
type decision struct {
	done string
	do   func(letters *jobs.DeadLetters, ctx context.Context, eventID uuid.UUID, by string) error
	also func() string // what is printed behind the last decided event; nil: nothing
}

// aboutTheEvent says whether err concerns one event only, so that the command can go on with the others.
func aboutTheEvent(err error) bool {
	if _, refused := errors.AsType[*outbox.RefusedError](err); refused {
		return true
	}
	return slices.ContainsFunc([]error{
		outbox.ErrNotDead, outbox.ErrRowLost, outbox.ErrRowGone, outbox.ErrNotKnown, outbox.ErrRelayed,
		outbox.ErrWaiting, outbox.ErrMoved,
		outbox.ErrUnchanged,
	}, func(reason error) bool { return errors.Is(err, reason) })
}

// reason is the root of such an error, for an operator: the event's id stands before it.
func reason(err error) error {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err
}

// interruptedError says how far an interrupted command has come.
type interruptedError struct{ done, of int }

func (e *interruptedError) Error() string {
	return fmt.Sprintf("interrupted after %d of %d", e.done, e.of)
}

// apply decides about each of the chosen dead letters. An event that is no dead letter does not stop the others. A
// decision under way when the command is interrupted is completed, so that the output is what was done.
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
		err = eachDeadLetter(ctx, letters, nil, func(d outbox.DeadLetter) (bool, error) {
			if d.State != outbox.StatusDead { // nor is any event behind it
				return false, nil
			}
			ids = append(ids, d.EventID)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	if c.By == "" {
		c.By = whoAmI()
	}
	p := newProgress(s.err, d.done, len(ids))
	defer p.end()
	done, missed := 0, 0
	for i, id := range ids {
		p.at(i)
		if ctx.Err() != nil {
			return &interruptedError{done, len(ids)}
		}
		switch err := d.decide(ctx, letters, id, c.By, db.waiter(logger)); {
		case errors.Is(err, outbox.ErrNotDead):
			missed++
			_, _ = fmt.Fprintf(s.err, "%s: %v; see herald trace\n", id, outbox.ErrNotDead)
		case aboutTheEvent(err):
			missed++
			_, _ = fmt.Fprintf(s.err, "%s: %v\n", id, reason(err))
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("%w; of event %s it is not known, see herald trace: %w",
				&interruptedError{done, len(ids)}, id, err)
		case err != nil:
			return fmt.Errorf("stopped after %d of %d: %w", done, len(ids), err)
		default:
			done++
			also := ""
			if d.also != nil {
				also = d.also()
			}
			_, _ = fmt.Fprintf(s.out, "%s %s%s\n", d.done, id, also)
		}
	}
	p.at(len(ids))
	if missed > 0 {
		return errFindings
	}
	return nil
}

// decide decides about one dead letter, and tries again where the database went away meanwhile. If the event is no
// longer dead after an attempt without an answer, that attempt has decided.
func (d decision) decide(
	ctx context.Context, letters *jobs.DeadLetters, id uuid.UUID, by string, waiter *postgres.Waiter,
) error {
	unknown := false
	err := waiter.Do(ctx, func(context.Context) error {
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), decisionTimeout)
		defer cancel()
		err := d.do(letters, attempt, id, by)
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

// mayHaveHappened reports whether the attempt that failed with err may have taken effect.
func mayHaveHappened(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return !connecting && !pgconn.SafeToRetry(err)
}
