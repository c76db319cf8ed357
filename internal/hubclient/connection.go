package hubclient

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/philippseith/signalr"
)

// readBuffer is the size of the pieces in which philippseith's client reads; it keeps one such buffer per
// connection.
const readBuffer = 4 << 10

// Invocation is the server's call of a client method.
type Invocation struct {
	Method     string
	Arguments  []json.RawMessage
	ReceivedAt time.Time // when its WebSocket message had been read
}

// Connection is one connection to a hub. A lost connection is not renewed. Its token is, before it expires, if the
// server says when. Its methods may be called concurrently.
type Connection struct {
	wire   *wire
	client signalr.Client
	turn   chan struct{}  // held by the invocation in progress
	calls  sync.WaitGroup // their goroutines
	closed sync.Once
}

// Connect connects to the hub at a path such as "/hubs/customer-orders" and returns after the handshake. ctx bounds
// the connect only, as cfg.ConnectTimeout does. A server's refusal is a [*StatusError].
//
// on is called for every invocation, in the order in which the server sent them, by the goroutine that reads. While
// it runs nothing else is read, and it must not call Invoke or Close. With nil, invocations are ignored.
func Connect(ctx context.Context, cfg Config, hub string, on func(Invocation)) (*Connection, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return connect(ctx, cfg, hub, func(r received) {
		if on != nil && !r.answer {
			on(r.Invocation)
		}
	})
}

func connect(ctx context.Context, cfg Config, hub string, deliver func(received)) (*Connection, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, cfg.ConnectTimeout, errConnectTimeout)
	defer cancel()
	socket, d, err := dial(bounded, cfg, hub)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", hub, err)
	}
	w := newWire(ctx, cfg, socket, d.id, deliver)
	client, err := signalr.NewClient(w.Context(), //nolint:contextcheck // the wire's is ctx without its end
		signalr.WithConnection(w), // no connector: this client's reconnects are not wanted
		signalr.TransferFormat(signalr.TransferFormatText),
		signalr.HandshakeTimeout(cfg.ConnectTimeout),
		signalr.KeepAliveInterval(cfg.KeepAliveInterval),
		signalr.TimeoutInterval(cfg.ServerTimeout),
		signalr.MaximumReceiveMessageSize(readBuffer),
		signalr.Logger(log.NewNopLogger(), false)) // it logs the arguments of calls, tokens included; errors come by w.err
	if err != nil {
		w.end(err)
		_ = socket.CloseNow()
		return nil, fmt.Errorf("creating the client: %w", err)
	}
	c := &Connection{wire: w, client: client, turn: make(chan struct{}, 1)}
	client.Start()
	if err := w.shakeHands(bounded); err != nil {
		w.end(err)
		c.Close() //nolint:contextcheck // its own time-outs bound it
		return nil, fmt.Errorf("connecting to %s: %w", hub, err)
	}
	if cfg.Token != nil && d.lifetime > 0 {
		c.calls.Go(func() { c.keepFresh(d) }) //nolint:contextcheck // the wire's, for it lasts as long as that
	}
	return c, nil
}

func (w *wire) shakeHands(ctx context.Context) error {
	select {
	case err := <-w.handshake:
		return err
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ID returns the connection's id from negotiate.
func (c *Connection) ID() string { return c.wire.ConnectionID() }

// Done is closed when the connection has ended.
func (c *Connection) Done() <-chan struct{} { return c.wire.done }

// Err returns why the connection has ended: a [*ServerClosedError], [ErrClosed], or the error of reading or writing.
// It is nil while the connection lives.
func (c *Connection) Err() error {
	select {
	case <-c.wire.done:
		return c.wire.err
	default:
		return nil
	}
}

// Invoke calls a method of the hub and returns its result, "null" for a method without one, or a [*HubError] with
// the server's text. When it returns, the connection's function has been called for every invocation that the server
// sent before its answer. Concurrent calls wait for each other: the server runs them one after another anyway, and
// philippseith's client can give two of them the same id.
func (c *Connection) Invoke(ctx context.Context, method string, args ...any) (json.RawMessage, error) {
	return c.invoke(ctx, false, method, args...)
}

// invoke is Invoke. The completion of a call of the connection's own is not delivered.
func (c *Connection) invoke(ctx context.Context, own bool, method string, args ...any) (json.RawMessage, error) {
	select {
	case c.turn <- struct{}{}:
	case <-c.wire.done:
		return nil, fmt.Errorf("invoking %s: %w", method, c.wire.err)
	case <-ctx.Done():
		return nil, fmt.Errorf("invoking %s: %w", method, context.Cause(ctx))
	}
	answer := make(chan signalr.InvokeResult, 1)
	c.calls.Go(func() {
		defer func() { <-c.turn }()
		c.wire.own.Store(own) // there is one call at a time
		answer <- drain(c.client.Invoke(method, args...))
	})
	select {
	case r := <-answer:
		return c.result(method, r)
	case <-ctx.Done():
		return nil, fmt.Errorf("invoking %s: %w", method, context.Cause(ctx))
	case <-c.wire.done:
		return nil, fmt.Errorf("invoking %s: %w", method, c.wire.err)
	}
}

// drain reads results to the end; else philippseith's client leaks a goroutine. Value and error come one after the
// other, in any order.
func drain(results <-chan signalr.InvokeResult) (all signalr.InvokeResult) {
	for r := range results {
		if r.Value != nil {
			all.Value = r.Value
		}
		if r.Error != nil {
			all.Error = r.Error
		}
	}
	return all
}

// result decodes the record that the wire passed on as the completion's result.
func (c *Connection) result(method string, r signalr.InvokeResult) (json.RawMessage, error) {
	record, ok := r.Value.(string)
	if !ok {
		err := c.Err()
		if err == nil {
			err = r.Error
		}
		if err == nil { // the client stops its calls this way
			err = ErrClosed
		}
		return nil, fmt.Errorf("invoking %s: %w", method, err)
	}
	var m message
	if err := json.Unmarshal([]byte(record), &m); err != nil {
		return nil, fmt.Errorf("invoking %s: %w", method, err)
	}
	if m.Error != "" {
		return nil, &HubError{Method: method, Message: m.Error}
	}
	if m.Result == nil {
		return json.RawMessage("null"), nil
	}
	return m.Result, nil
}

// Close says goodbye to the server, which has two seconds to answer, and releases all resources of the connection.
func (c *Connection) Close() {
	c.closed.Do(func() {
		if c.Err() == nil {
			c.wire.leave()
		}
		c.wire.end(ErrClosed)
		c.client.Stop()
		_ = c.wire.socket.CloseNow()
		c.calls.Wait()
	})
}
