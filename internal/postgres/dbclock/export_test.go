package dbclock

import (
	"context"
	"time"
)

// Learn is what reading the clock comes to.
func (c *Clock) Learn(ctx context.Context, sent, at, got time.Time) { c.learn(ctx, sent, at, got) }
