package relay

import (
	"context"
	"log/slog"
	"time"
)

const retryFirst = 100 * time.Millisecond

// outage is what somebody who tries for ever says of it: one line when it begins, one when it is over.
type outage struct {
	logger *slog.Logger
	most   time.Duration // between two attempts
	began  time.Time     // zero: there is none
	delay  time.Duration
}

// failed notes a failure, with a line in the log if it is the first, and returns how long to wait before the next attempt.
func (o *outage) failed(ctx context.Context, message string, err error) time.Duration {
	if o.began.IsZero() {
		o.began, o.delay = time.Now(), retryFirst
		o.logger.WarnContext(ctx, message, slog.Any("error", err)) //nolint:sloglint // a constant of the caller's
		return o.delay
	}
	o.delay = min(2*o.delay, o.most)
	o.logger.DebugContext(ctx, message, slog.Any("error", err), slog.Duration("for", time.Since(o.began))) //nolint:sloglint // a constant of the caller's
	return o.delay
}

// over notes that all is well, with a line in the log if it was not.
func (o *outage) over(ctx context.Context, message string) {
	if o.began.IsZero() {
		return
	}
	o.logger.InfoContext(ctx, message, slog.Duration("after", time.Since(o.began))) //nolint:sloglint // a constant of the caller's
	o.began = time.Time{}
}
