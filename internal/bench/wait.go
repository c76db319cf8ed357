package bench

import (
	"context"
	"time"
)

// WarmUpShare divides a run's length: a warm-up takes one eighth of a run.
const WarmUpShare = 8

// AnswerWithin is how long a server may take for one answer.
const AnswerWithin = 10 * time.Second

// Wait returns after d, or when ctx ends.
func Wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
