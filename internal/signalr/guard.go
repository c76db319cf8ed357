package signalr

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// panicError is a panic of a hub's code.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// guard calls a hub's code and turns a panic into an error, so that it harms one connection only.
func (c *Conn) guard(name string, f func() (any, error)) (result any, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value}
			c.host.cfg.Logger.LogAttrs(c.ctx, slog.LevelError, "hub code panicked",
				slog.String("hub", c.hub.name), slog.String("connection_id", c.id), slog.String("method", name),
				slog.Any("panic", value), slog.String("stack", string(debug.Stack())))
		}
	}()
	return f()
}

// attributes are those of a log line about an invocation.
func (c *Conn) attributes(method string, err error) []slog.Attr {
	return []slog.Attr{
		slog.String("hub", c.hub.name), slog.String("connection_id", c.id), slog.String("method", method),
		slog.Any("error", err),
	}
}

func (c *Conn) observe(method string, outcome Outcome, started time.Time) {
	c.host.cfg.Metrics.of(c.hub).invoked(method, outcome, time.Since(started))
}
