package signalr

import (
	"context"
	"iter"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Stream0 registers f under name as a method whose result is a stream to the client. f runs in the order of the
// connection's invocations, as a method does, and its error completes the invocation as a method's would. The
// sequence then runs on a goroutine of its own, beside other invocations, until it ends, the client cancels, or the
// connection ends. ctx, which belongs to f and the sequence alike, is cancelled in the last two cases. An error that
// the sequence yields ends it.
//
// A stream waits for a slow client: an item is queued when the queue with it has at most half of Config.QueueBytes,
// or when it is the only one.
func Stream0[T any](h *Hub, name string, f func(ctx context.Context, call *Call) (iter.Seq2[T, error], error)) {
	h.register(name, many, func(*binding) boundCall {
		return func(ctx context.Context, call *Call) (any, error) { return itemsOf(f(ctx, call)) }
	})
}

// Stream1 is [Stream0] for a method with a parameter, which is decoded as [Method1] says. Where the parameter is a
// stream that the client sends, f runs on the sequence's goroutine.
func Stream1[A, T any](
	h *Hub, name string, f func(ctx context.Context, call *Call, a A) (iter.Seq2[T, error], error),
) {
	first := parameterOf[A]()
	h.register(name, many, func(in *binding) boundCall {
		a := first.take(in)
		return func(ctx context.Context, call *Call) (any, error) { return itemsOf(f(ctx, call, a)) }
	}, first.form)
}

// Stream2 is [Stream1] for a method with two parameters.
func Stream2[A, B, T any](
	h *Hub, name string, f func(ctx context.Context, call *Call, a A, b B) (iter.Seq2[T, error], error),
) {
	first, second := parameterOf[A](), parameterOf[B]()
	h.register(name, many, func(in *binding) boundCall {
		a, b := first.take(in), second.take(in)
		return func(ctx context.Context, call *Call) (any, error) { return itemsOf(f(ctx, call, a, b)) }
	}, first.form, second.form)
}

// items is what a streaming method's boundCall returns; nil where the method has returned no sequence.
type items iter.Seq2[any, error]

func itemsOf[T any](sequence iter.Seq2[T, error], err error) (any, error) {
	if err != nil || sequence == nil {
		return items(nil), err
	}
	return items(func(yield func(any, error) bool) {
		for item, err := range sequence {
			if !yield(item, err) {
				return
			}
		}
	}), nil
}

// sequence calls the streaming method and returns its sequence. Where it returns none, it has completed the call.
func (c *Conn) sequence(call *Call, bound boundCall) items {
	result, err := c.guard(call.method.name, func() (any, error) { return bound(call.ctx, call) })
	source, _ := result.(items)
	switch {
	case err != nil:
		c.finish(call, c.outcome(call, err), textInvocationFailed(call.Method, err))
	case source == nil:
		c.finish(call, Failed, textNoStream(call.method.name))
	}
	return source
}

// stream sends what source yields, and completes.
func (c *Conn) stream(call *Call, source items) {
	_, err := c.guard(call.method.name, func() (any, error) {
		for item, err := range source {
			if err != nil {
				return nil, err
			}
			f, err := wire.ItemFrame(c.protocol, call.invocationID, item)
			if err != nil {
				return nil, err
			}
			if call.ctx.Err() != nil || c.enqueueWithin(call.ctx, &f, c.roomForStreams()) != nil {
				break // cancelled, or the connection ends
			}
		}
		return struct{}{}, nil
	})
	if call.abandoned(err) {
		err = nil // that the client has stopped listening is no error
	}
	text := ""
	if err != nil {
		text = describe(textStreamFailed, err)
	}
	// Before the call is released: so a client that reads nothing cannot have more waiting calls than it may have
	// streams.
	_ = c.WaitQueue(c.ctx, c.roomForStreams())
	c.finish(call, c.outcome(call, err), text)
}

// finish completes a streaming call: without an error where text is empty.
func (c *Conn) finish(call *Call, outcome Outcome, text string) {
	c.streams.release(&call.streaming)
	if text == "" {
		f := wire.EmptyFrame(c.protocol, call.invocationID)
		_ = c.enqueue(&f) // it fails on a connection that is ending only
	} else {
		c.completeWithError(call, text)
	}
	c.observe(call.method.name, outcome, call.started)
}

// roomForStreams is how much of the queue the streams may take together; the rest is for all other messages.
func (c *Conn) roomForStreams() int { return c.host.cfg.QueueBytes / 2 }
