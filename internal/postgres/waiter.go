package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	// Between two attempts at a database that is away.
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second

	// waitingEvery is how often a wait without a limit is told again.
	waitingEvery = time.Minute
)

// Waiter tries again what failed because of the database, until it succeeds or [Final] says that it will not. One Waiter serves all the
// steps of a start, so that a wait is told once, however many steps and attempts it takes: one log line, and one a minute. Its steps come
// one after another.
type Waiter struct {
	// Address is where the database is, for messages. Required.
	Address string
	// Limit is how long is waited, from the first step on; the error is the caller's to print then, and no log line has it. Negative: not at
	// all. Defaults to for ever.
	Limit time.Duration
	// Final says which errors end the wait. Defaults to [Final].
	Final func(error) bool
	// Failed, where it is set, is told of each attempt that failed and is made again.
	Failed func(error)
	// Logger defaults to slog.Default().
	Logger *slog.Logger

	first  time.Time // when the first step began
	since  time.Time // when the wait began; zero: none is on
	told   time.Time // when it was told last
	ending time.Time // Limit behind first
}

// Do calls attempt, which may be called again, until it succeeds. It returns what attempt returned where that is final, came too late, or
// came when ctx had ended.
func (w *Waiter) Do(ctx context.Context, attempt func(ctx context.Context) error) error {
	if w.first.IsZero() {
		w.first = time.Now()
		w.ending = w.first.Add(w.Limit)
	}
	var last error
	for delay := retryFirst; ; delay = min(2*delay, retryMost) {
		err := w.try(ctx, attempt)
		switch {
		case err == nil:
			w.over(ctx)
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("connecting to the database at %s: %w", w.Address, errors.Join(context.Cause(ctx), err))
		case w.Limit < 0 || w.final(err):
			return err
		}
		if late := errors.Is(err, errTooLate); !late || last == nil {
			last = err
		}
		rest := delay
		if w.Limit > 0 {
			if rest = min(delay, time.Until(w.ending)); rest <= 0 {
				return fmt.Errorf("the database at %s could not be used within %s: %w", w.Address, w.Limit, last)
			}
		}
		w.tell(ctx, last)
		select {
		case <-ctx.Done(): // the next attempt reports it
		case <-time.After(rest):
		}
	}
}

// errTooLate cuts an attempt at the end of the wait.
var errTooLate = errors.New("it did not answer in time")

func (w *Waiter) try(ctx context.Context, attempt func(ctx context.Context) error) error {
	if w.Limit <= 0 {
		return attempt(ctx)
	}
	bounded, cancel := context.WithDeadlineCause(ctx, w.ending, errTooLate)
	defer cancel()
	err := attempt(bounded)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return errors.Join(errTooLate, err)
	}
	return err
}

func (w *Waiter) final(err error) bool {
	if w.Final != nil {
		return w.Final(err)
	}
	return Final(err)
}

// tell says that there is a wait, where nothing has said so for a while.
func (w *Waiter) tell(ctx context.Context, err error) {
	if w.Failed != nil {
		w.Failed(err)
	}
	now := time.Now()
	if w.since.IsZero() {
		w.since = now
	}
	if !w.told.IsZero() && now.Sub(w.told) < waitingEvery {
		return
	}
	w.told = now
	attrs := []slog.Attr{slog.String("address", w.Address)}
	if w.Limit > 0 {
		attrs = append(attrs, slog.Duration("at_most", w.Limit))
	} else {
		attrs = append(attrs, slog.Any("error", err), slog.Duration("for", now.Sub(w.since).Round(time.Second)))
	}
	w.logger().LogAttrs(ctx, slog.LevelWarn, "waiting for the database", attrs...)
}

// over ends a wait, which stays told: the next within a minute is the same to whoever reads the log.
func (w *Waiter) over(ctx context.Context) {
	if w.since.IsZero() {
		return
	}
	w.logger().DebugContext(ctx, "the database answers", slog.String("address", w.Address),
		slog.Duration("after", time.Since(w.since)))
	w.since = time.Time{}
}

func (w *Waiter) logger() *slog.Logger { return cmp.Or(w.Logger, slog.Default()) }
