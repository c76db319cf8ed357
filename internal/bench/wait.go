package bench

import (
	"context"
	"time"
)

// warmUpShare is the part of a run that is run beforehand.
const warmUpShare = 8

// answerWithin is how long a server may take for one answer.
const answerWithin = 10 * time.Second

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
