package relay

import (
	"context"
	"log/slog"
	"time"
)

const retryFirst = 100 * time.Millisecond

// outage logs for a loop that retries for ever: one line when the outage begins, one when it is over.
type outage struct {
	logger *slog.Logger
	most   time.Duration // the longest rest between two attempts
	began  time.Time     // zero: there is no outage
	delay  time.Duration
}

// failed notes a failure and returns how long to wait before the next attempt. The first failure is logged.
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

// over notes a success, and logs it if an outage ends with it.
func (o *outage) over(ctx context.Context, message string) {
	if o.began.IsZero() {
		return
	}
	o.logger.InfoContext(ctx, message, slog.Duration("after", time.Since(o.began))) //nolint:sloglint // a constant of the caller's
	o.began = time.Time{}
}
