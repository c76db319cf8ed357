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
	// The rest between two attempts at a database that is away.
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second

	// waitingEvery is how often a wait without a limit is logged again.
	waitingEvery = time.Minute
)

// Waiter retries what failed because of the database, until it succeeds or [Final] says that it will not. One Waiter
// serves all steps of a start, so that a wait is logged once, however many steps and attempts it takes: one log
// line, and one a minute. Its steps come one after another.
type Waiter struct {
	// Address is where the database is, for messages. Required.
	Address string
	// Limit bounds the wait, from the first step on. The caller prints the error then, and no log line has it.
	// Negative: no wait. Defaults to for ever.
	Limit time.Duration
	// Final reports which errors end the wait. Defaults to [Final].
	Final func(error) bool
	// Failed, where it is set, is called with the error of each attempt that failed and is made again.
	Failed func(error)
	// Logger defaults to slog.Default().
	Logger *slog.Logger

	first  time.Time // when the first step began
	since  time.Time // when the wait began; zero: no wait
	told   time.Time // when it was logged last
	ending time.Time // Limit behind first
}

// Do calls attempt, which may be called again, until it succeeds. It returns attempt's error where that is final,
// came too late, or came when ctx had ended.
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

// tell logs that there is a wait, where that has not been logged for a while.
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

// over ends a wait, but keeps the time of its log line: to a reader of the log, a next wait within a minute is the
// same one.
func (w *Waiter) over(ctx context.Context) {
	if w.since.IsZero() {
		return
	}
	w.logger().DebugContext(ctx, "the database answers", slog.String("address", w.Address),
		slog.Duration("after", time.Since(w.since)))
	w.since = time.Time{}
}

func (w *Waiter) logger() *slog.Logger { return cmp.Or(w.Logger, slog.Default()) }
