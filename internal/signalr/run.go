package signalr

import (
	"context"
	"errors"
	"log/slog"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Complete sends the completion at once, before the method returns; the method's own result is then ignored. It does
// nothing for an invocation without an id, on a second call, or where the result is a stream, which completes when it
// ends. It must be called on the method's own goroutine.
func (c *Call) Complete(result any) { c.Conn.complete(c, result, nil) }

// abandoned reports whether err says only that the call's context has ended.
func (c *Call) abandoned(err error) bool {
	return c.ctx != nil && c.ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed))
}

// run calls the method and completes.
func (c *Conn) run(ctx context.Context, call *Call, bound boundCall) {
	result, err := c.guard(call.method.name, func() (any, error) { return bound(ctx, call) })
	outcome := Succeeded
	if !call.abandoned(err) {
		outcome = c.outcome(call, err)
	}
	c.streams.release(&call.streaming)
	c.complete(call, result, err)
	c.observe(call.method.name, outcome, call.started)
}

// outcome classifies err, which a hub's code has returned, and logs what the client is not told.
func (c *Conn) outcome(call *Call, err error) Outcome {
	var panicked *panicError
	var refusal *HubError
	switch {
	case err == nil:
		return Succeeded
	case errors.As(err, &panicked):
		return Panicked
	case errors.As(err, &refusal):
		return Refused
	default:
		c.host.cfg.Logger.LogAttrs(c.ctx, slog.LevelWarn, "hub method failed", c.attributes(call.method.name, err)...)
		return Failed
	}
}

// complete sends the one completion of a call that wants one.
func (c *Conn) complete(call *Call, result any, err error) {
	if call.completed {
		return
	}
	call.completed = true
	if err == nil && call.invocationID == "" {
		return
	}
	if err == nil {
		var f wire.Frame
		f, err = wire.ResultFrame(c.protocol, call.invocationID, result)
		if err == nil {
			_ = c.enqueue(&f) // fails only on a connection that is ending
			return
		}
		c.host.cfg.Logger.LogAttrs(c.ctx, slog.LevelError, "result of hub method cannot be encoded",
			c.attributes(call.Method, err)...)
	}
	c.completeWithError(call, textInvocationFailed(call.Method, err))
}

// completeWithError tells the hub, and the client where it wants a completion.
func (c *Conn) completeWithError(call *Call, text string) {
	c.hub.onFailed(c, text)
	if call.invocationID == "" {
		return
	}
	f := wire.ErrorFrame(c.protocol, call.invocationID, text)
	_ = c.enqueue(&f) // fails only on a connection that is ending
}
