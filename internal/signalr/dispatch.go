package signalr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gobwas/ws"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// dispatch handles one message on the reader goroutine, so that invocations run one after another. Its error ends the
// connection; a fault of an invocation does not.
func (c *Conn) dispatch(m *wire.Inbound) error {
	switch m.Kind {
	case wire.TypeInvocation, wire.TypeStreamInvocation:
		return c.invoke(m)
	case wire.TypeStreamItem:
		if m.InvocationID == "" || m.Item == nil {
			return wire.Malformedf("stream item without invocationId or item")
		}
		c.receiveItem(m)
	case wire.TypeCompletion:
		if m.InvocationID == "" || m.HasError && m.Result != nil {
			return wire.Malformedf("completion without invocationId, or with error and result")
		}
		c.receiveCompletion(m)
	case wire.TypeCancelInvocation:
		if m.InvocationID == "" {
			return wire.Malformedf("cancellation without invocationId")
		}
		c.streams.cancel(m.InvocationID) // unknown ids are ignored: the stream may have ended meanwhile
	case wire.TypeAck, wire.TypeSequence:
		return c.acknowledged(m)
	case wire.TypeClose:
		e := ending{reason: ClosedByClient, drop: true, grace: overflowGrace}
		if m.HasError {
			e.err = fmt.Errorf("client closed the connection: %w", &HubError{Message: m.Err})
		}
		e.last = c.lastWords("", false, int(ws.StatusNormalClosure))
		c.end(e)
		return transport.ErrInterrupted
	default: // pings; and types of a later protocol, which are ignored
	}
	return nil
}

// invoke follows JsonHubProtocol's binding and DefaultHubDispatcher.Invoke, in their order.
func (c *Conn) invoke(m *wire.Inbound) error {
	if !m.HasTarget || m.Arguments == nil && m.Unbound == nil {
		return wire.Malformedf("invocation without target or arguments")
	}
	call := &Call{Conn: c, Method: m.Target, streaming: streaming{invocationID: m.InvocationID}, started: time.Now()}
	method, err := c.hub.lookup(m.Target)
	if err != nil {
		c.refuse(call, Unbound, textBindingFailed(m.Target, err), err)
		return nil
	}
	call.method = method
	var bound boundCall
	var uploads []*upload
	if err = m.Unbound; err == nil {
		bound, uploads, err = method.bind(c.protocol, m.Arguments)
	}
	if err != nil {
		c.refuse(call, Unbound, textBindingFailed(m.Target, err), err)
		return nil
	}
	if m.Kind == wire.TypeStreamInvocation && m.InvocationID == "" {
		return wire.Malformedf("stream invocation without invocationId")
	}
	switch {
	case method.results == many && m.Kind == wire.TypeInvocation:
		c.refuse(call, Unbound, textStreaming(m.Target), nil)
	case method.results == once && m.Kind == wire.TypeStreamInvocation:
		c.refuse(call, Unbound, textNotStreaming(m.Target), nil)
	case len(m.StreamIDs) != len(uploads):
		err := &HubError{Message: textStreamCount(len(m.StreamIDs), len(uploads))}
		c.refuse(call, Unbound, textInvocationFailed(m.Target, err), err)
	case method.results == once && len(uploads) == 0:
		c.run(c.reading, call, bound)
	default:
		call.uploads = uploads
		c.launch(call, bound, m.StreamIDs)
	}
	return nil
}

// launch starts a call that streams, one way or both. Reading goes on while it runs.
func (c *Conn) launch(call *Call, bound boundCall, streamIDs []string) {
	err := c.streams.begin(c.ctx, &call.streaming, call.method.results == many, streamIDs, c.host.cfg.MaximumStreams)
	switch {
	case errors.Is(err, errInvocationInUse):
		c.refuse(call, Refused, textInvocationInUse(call.invocationID), nil)
		return
	case err != nil:
		c.refuse(call, Refused, textInvocationFailed(call.Method, err), nil)
		return
	}
	if call.method.results == once {
		c.streams.running.Go(func() { c.run(call.ctx, call, bound) })
		return
	}
	call.completed = true   // so that Complete does nothing
	if len(streamIDs) > 0 { // the method waits for what the reader reads
		c.streams.running.Go(func() {
			if source := c.sequence(call, bound); source != nil {
				c.stream(call, source)
			}
		})
		return
	}
	on := &readerMark{conn: c, err: errResultInMethod}
	call.ctx = context.WithValue(call.ctx, readerKey{}, on)
	source := c.sequence(call, bound)
	on.left.Store(true)
	if source != nil {
		c.streams.running.Go(func() { c.stream(call, source) })
	}
}

// refuse completes a call that is not made.
func (c *Conn) refuse(call *Call, outcome Outcome, text string, err error) {
	name := ""
	if call.method != nil {
		name = call.method.name
	}
	if err != nil {
		c.host.cfg.Logger.LogAttrs(c.ctx, slog.LevelDebug, "invocation refused", c.attributes(name, err)...)
	}
	c.completeWithError(call, text)
	c.observe(name, outcome, call.started)
}
