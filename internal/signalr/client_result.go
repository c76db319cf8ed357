package signalr

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// readerError is the error of Invoke for code on the reader. The texts are ASP.NET Core's:
// NonInvokingSingleClientProxy.cs of 7.0 and HubCallerClients.cs.
type readerError string

const (
	errResultInMethod      readerError = "Client results inside a Hub method requires HubOptions.MaximumParallelInvocationsPerClient to be greater than 1."
	errResultInOnConnected readerError = "Client results inside OnConnectedAsync Hub methods are not allowed."
)

func (e readerError) Error() string { return string(e) }

// textNoResult is the text of Microsoft's TypeScript client where its method returns nothing.
const textNoResult = "Client didn't provide a result."

// Invoke calls a method of the client's and waits for its result, as JSON. Its error is a [*HubError] with the
// client's text where the method failed or returned nothing, ErrQueueFull or ErrClosed where the connection ends,
// ErrTooManyResults, or the error of ctx. A result that arrives after that is ignored.
//
// The connection's reader reads the result, so Invoke must not be called on the reader. Where ctx is the context that
// OnConnected, a method without uploads, or the function of a stream was given, Invoke fails with .NET's text instead
// of waiting for itself. A stream's sequence may call it, and so may a method with uploads, and every goroutine that
// has another context.
func (c *Conn) Invoke(ctx context.Context, target string, args []json.RawMessage) (json.RawMessage, error) {
	if at, ok := ctx.Value(readerKey{}).(*readerMark); ok && at.conn == c && !at.left.Load() {
		return nil, at.err
	}
	result := make(chan clientResult, 1)
	id, err := c.awaited.add(result, c.host.cfg.MaximumStreams)
	if err != nil {
		return nil, err
	}
	defer c.awaited.remove(id)
	f := wire.InvocationFrame(c.protocol, id, target, args)
	if err := c.enqueue(&f); err != nil {
		return nil, err
	}
	select {
	case r := <-result:
		return r.value, r.err
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
	select {
	case r := <-result: // it came at the same time
		return r.value, r.err
	default:
	}
	if c.ctx.Err() != nil {
		return nil, ErrClosed
	}
	return nil, fmt.Errorf("waiting for the client's result: %w", context.Cause(ctx))
}

// receiveResult returns false where no call of Invoke waits for m.
func (c *Conn) receiveResult(m *wire.Inbound) bool {
	result := c.awaited.remove(m.InvocationID)
	if result == nil {
		return false
	}
	var r clientResult
	switch {
	case m.HasError:
		r.err = &HubError{Message: m.Err}
	case m.Result == nil:
		r.err = &HubError{Message: textNoResult}
	default:
		if err := c.protocol.Decode(m.Result, &r.value); err != nil {
			r = clientResult{err: fmt.Errorf("reading the client's result: %w", err)}
		}
	}
	result <- r
	return true
}

// readerMark marks a context that was given to code on a connection's reader. err is what Invoke returns there.
type readerMark struct {
	conn *Conn
	err  readerError
	left atomic.Bool // the code has returned
}

type readerKey struct{}
