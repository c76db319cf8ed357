package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"golang.org/x/time/rate"
)

const (
	// RefusalsPerSecond is how many refusals are logged in the long run.
	RefusalsPerSecond = 5
	// RefusalsAtOnce is how many refusals are logged when they come all at once.
	RefusalsAtOnce = 20
)

// RefusalLog tells the operator why tokens are refused: a line each at info level, with the path, the [Reason] and the
// refusal's text, never the token. Beyond [RefusalsPerSecond] lines a second, so that a flood of bad tokens does not fill the
// log, refusals are only counted, and the next line says how many were left out. It is safe for concurrent use.
type RefusalLog struct {
	logger  *slog.Logger
	limit   *rate.Limiter
	leftOut atomic.Int64
}

// NewRefusalLog returns a RefusalLog that writes to logger.
func NewRefusalLog(logger *slog.Logger) *RefusalLog {
	return &RefusalLog{logger: logger, limit: rate.NewLimiter(RefusalsPerSecond, RefusalsAtOnce)}
}

// Refused logs why a request for path was refused. path is one of the server's own, not what the client has made of it. Where
// err is no [*TokenError], the token was good and did not permit this.
func (l *RefusalLog) Refused(ctx context.Context, path string, err error) {
	if !l.limit.Allow() {
		l.leftOut.Add(1)
		return
	}
	reason := NotPermitted
	if refusal, ok := errors.AsType[*TokenError](err); ok {
		reason = refusal.Reason
	}
	attrs := []slog.Attr{slog.String("path", path), slog.String("reason", string(reason)), slog.Any("error", err)}
	if n := l.leftOut.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64("left_out", n))
	}
	l.logger.LogAttrs(ctx, slog.LevelInfo, "a request was refused", attrs...)
}
