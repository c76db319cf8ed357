package signalr

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gobwas/ws"
)

// dispatch handles one message on the reader goroutine, so that invocations run one after another. Its error ends the
// connection; what goes wrong in an invocation does not.
func (c *Conn) dispatch(m inbound) error {
	switch m.kind {
	case typeInvocation, typeStreamInvocation:
		return c.invoke(m)
	case typeStreamItem:
		if m.invocationID == "" || m.item == nil {
			return malformedf("stream item without invocationId or item")
		}
	case typeCompletion:
		if m.invocationID == "" || m.hasError && m.result != nil {
			return malformedf("completion without invocationId, or with error and result")
		}
	case typeCancelInvocation:
		if m.invocationID == "" {
			return malformedf("cancellation without invocationId")
		}
	case typeAck, typeSequence:
		return c.acknowledged(m)
	case typeClose:
		e := ending{reason: ClosedByClient, drop: true, grace: overflowGrace}
		if m.hasError {
			e.err = fmt.Errorf("client closed the connection: %w", &HubError{Message: m.err})
		}
		e.last = c.lastWords("", false, int(ws.StatusNormalClosure))
		c.end(e)
		return errInterrupted
	default: // pings; and types of a later protocol, which are ignored
	}
	// No method streams and no client is asked for results, so items, completions and cancellations are for nothing that
	// exists: .NET logs those and goes on.
	return nil
}

// invoke follows JsonHubProtocol's binding and DefaultHubDispatcher.Invoke, in their order.
func (c *Conn) invoke(m inbound) error {
	if !m.hasTarget || m.arguments == nil {
		return malformedf("invocation without target or arguments")
	}
	started := time.Now()
	call := &Call{Conn: c, Method: m.target, invocationID: m.invocationID}
	method, err := c.hub.lookup(m.target)
	if err != nil {
		c.refuse(call, "", textBindingFailed(m.target, err), err)
		c.observe("", Unbound, started)
		return nil
	}
	bound, err := c.bind(method, m.arguments)
	if err != nil {
		c.refuse(call, method.name, textBindingFailed(m.target, err), err)
		c.observe(method.name, Unbound, started)
		return nil
	}
	if m.kind == typeStreamInvocation {
		if m.invocationID == "" {
			return malformedf("stream invocation without invocationId")
		}
		c.refuse(call, method.name, textNotStreaming(m.target), nil)
		c.observe(method.name, Unbound, started)
		return nil
	}
	if n := len(m.streamIDs); n > 0 {
		err := &HubError{Message: "Client sent " + strconv.Itoa(n) + " stream(s), Hub method expects 0."}
		c.refuse(call, method.name, textInvocationFailed(m.target, err), err)
		c.observe(method.name, Unbound, started)
		return nil
	}
	c.observe(method.name, c.run(call, method, bound), started)
	return nil
}

func (c *Conn) bind(m *method, arguments []byte) (boundCall, error) {
	var space [4][]byte
	return m.bind(c.protocol, c.protocol.elements(space[:0], arguments))
}

// run calls the method and completes.
func (c *Conn) run(call *Call, m *method, bound boundCall) Outcome {
	result, err := c.guard(m.name, func() (any, error) { return bound(c.ctx, call) })
	var panicked *panicError
	var refusal *HubError
	switch {
	case err == nil:
		c.complete(call, result, nil)
		return Succeeded
	case errors.As(err, &panicked):
		c.complete(call, nil, err)
		return Panicked
	case errors.As(err, &refusal):
		c.complete(call, nil, err)
		return Refused
	default:
		c.server.cfg.Logger.LogAttrs(c.ctx, slog.LevelWarn, "hub method failed", c.attributes(m.name, err)...)
		c.complete(call, nil, err)
		return Failed
	}
}

// complete sends the one completion of a call that wants one.
func (c *Conn) complete(call *Call, result any, err error) {
	if call.completed {
		return
	}
	call.completed = true
	if call.invocationID == "" {
		return
	}
	p := c.protocol
	if err == nil {
		var f frame
		f, err = resultFrame(p, call.invocationID, result)
		if err == nil {
			_ = c.enqueue(&f) // it fails on a connection that is ending only
			return
		}
		c.server.cfg.Logger.LogAttrs(c.ctx, slog.LevelError, "result of hub method cannot be encoded", c.attributes(call.Method, err)...)
	}
	c.completeWithError(call, textInvocationFailed(call.Method, err))
}

func resultFrame(p protocol, invocationID string, result any) (frame, error) {
	var err error
	f := newFrame(p, func(b []byte) []byte {
		var encoded []byte
		if encoded, err = p.appendResult(b, invocationID, result); err != nil {
			return b
		}
		return encoded
	})
	f.numbered = true
	return f, err
}

// refuse completes a call that was not made.
func (c *Conn) refuse(call *Call, method, text string, err error) {
	if err != nil {
		c.server.cfg.Logger.LogAttrs(c.ctx, slog.LevelDebug, "invocation refused", c.attributes(method, err)...)
	}
	if call.invocationID != "" {
		c.completeWithError(call, text)
	}
}

func (c *Conn) completeWithError(call *Call, text string) {
	p := c.protocol
	f := newFrame(p, func(b []byte) []byte { return p.appendError(b, call.invocationID, text) })
	f.numbered = true
	_ = c.enqueue(&f) // it fails on a connection that is ending only
}

// panicError is a panic of a hub's code.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// guard calls a hub's code and makes a panic an error, so that one connection's trouble stays its own.
func (c *Conn) guard(name string, f func() (any, error)) (result any, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value}
			c.server.cfg.Logger.LogAttrs(c.ctx, slog.LevelError, "hub code panicked",
				slog.String("hub", c.hub.name), slog.String("connection_id", c.id), slog.String("method", name),
				slog.Any("panic", value), slog.String("stack", string(debug.Stack())))
		}
	}()
	return f()
}

// attributes are what a log line about an invocation says.
func (c *Conn) attributes(method string, err error) []slog.Attr {
	return []slog.Attr{
		slog.String("hub", c.hub.name), slog.String("connection_id", c.id), slog.String("method", method), slog.Any("error", err),
	}
}

func (c *Conn) observe(method string, outcome Outcome, started time.Time) {
	c.server.cfg.Observer.Invoked(c.hub.name, method, outcome, time.Since(started))
}
