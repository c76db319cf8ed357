package dbclock

import (
	"context"
	"time"
)

// Learn is the part of reading the clock that follows the answer.
func (c *Clock) Learn(ctx context.Context, sent, at, got time.Time) { c.learn(ctx, sent, at, got) }
