package signalr

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/gobwas/ws"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// serve is the connection's reader: its one goroutine at rest.
//
// The end is a function of its own, to keep the waiting stack small. The runtime halves the stack of a waiting
// goroutine while it uses less than a quarter of it, so 300 bytes of a frame below the waiting reader would cost each
// connection 4 KiB. See webSocket.await in package transport.
func (c *Conn) serve() { c.over(c.read()) }

// over is the end of the reader.
func (c *Conn) over(err error) {
	c.endBecause(err)
	c.streams.running.Wait()
	if c.connected {
		c.host.registry.disconnected(c)
		c.onDisconnected()
	}
	e := c.leave()
	c.host.registry.remove(c)
	c.host.cfg.Metrics.of(c.hub).connections.Dec()
	c.host.cfg.Metrics.closed.WithLabelValues(c.hub.name, string(e.reason)).Inc()
	c.tellEnd(e)
}

// tellEnd logs why the connection has ended. A client's own farewell is logged at debug level: operators do not look
// for it.
func (c *Conn) tellEnd(e *ending) {
	level := slog.LevelInfo
	if e.reason == ClosedByClient {
		level = slog.LevelDebug
	}
	logger := c.host.cfg.Logger
	if !logger.Enabled(c.ctx, level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("hub", c.hub.name), slog.String("connection_id", c.id), slog.String("subject", c.User().ID()),
		slog.String("reason", string(e.reason)),
		slog.Duration("lasted", time.Duration(c.now()-c.clocks.opened).Round(time.Millisecond)),
	}
	if e.err != nil {
		attributes = append(attributes, slog.Any("error", e.err))
	}
	logger.LogAttrs(c.ctx, level, "connection closed", attributes...)
}

// read handles what the client sends until the connection ends. With stateful reconnect it outlives the transport.
func (c *Conn) read() error {
	c.mu.Lock()
	t := c.transport
	c.mu.Unlock()
	for {
		err := c.readFrom(t)
		if !resumable(err) || !c.lost(t) {
			return err
		}
		if t = c.replacement(t); t == nil {
			return transport.ErrInterrupted
		}
	}
}

// resumable reports whether err may be the network's doing: neither side has said goodbye or broken the rules. A
// WebSocket that is closed with an unusual status was closed by a proxy in between.
func resumable(err error) bool {
	var farewell *transport.FarewellError
	var violation *transport.ViolationError
	var refusal *handshakeError
	var excess *excessError
	switch {
	case errors.As(err, &farewell):
		return farewell.Status != int(ws.StatusNormalClosure) && farewell.Status != 0
	case errors.As(err, &violation), errors.As(err, &refusal), errors.As(err, &excess):
		return false
	default:
		return !errors.Is(err, transport.ErrInterrupted) && !errors.Is(err, wire.ErrTooLarge) &&
			!errors.Is(err, wire.ErrMalformed)
	}
}

func (c *Conn) readFrom(t transport.Transport) error {
	var pending []byte // the beginning of an incomplete record; nil at rest
	for {
		data, err := t.Receive(pending, c.host.cfg.MaximumMessageSize-len(pending))
		if err != nil {
			return err
		}
		c.clocks.dispatching.Store(true)
		c.arrived = c.now()
		rest, err := c.consume(data, len(pending))
		c.clocks.read(c.now())
		c.clocks.dispatching.Store(false)
		if err != nil {
			return err
		}
		if len(rest) == 0 {
			c.host.buffers.Put(data)
			pending = nil
			continue
		}
		pending = data[:copy(data, rest)]
	}
}

// consume handles the whole records in data and returns the rest. The first scanned bytes of data are known to hold
// no record's end.
func (c *Conn) consume(data []byte, scanned int) ([]byte, error) {
	for ; ; scanned = 0 {
		if c.ctx.Err() != nil {
			return nil, transport.ErrInterrupted
		}
		p := c.protocol
		if p == nil {
			p = wire.JSON{} // the handshake is JSON, whatever protocol it chooses
		}
		record, rest, ok, err := p.Split(data, scanned, c.host.cfg.MaximumMessageSize)
		if err != nil {
			return nil, err
		}
		if !ok {
			return data, c.spendOnPart(data)
		}
		data = rest
		if err := c.handle(record); err != nil {
			return nil, err
		}
	}
}

func (c *Conn) handle(record []byte) error {
	if c.protocol == nil {
		return c.handshake(record)
	}
	if err := c.spendMessage(); err != nil {
		return err
	}
	var m wire.Inbound
	if err := c.parse(record, &m); err != nil {
		return err
	}
	if c.stateful != nil && !c.stateful.admit(&m) {
		return nil
	}
	if err := c.spendInvocation(&m); err != nil {
		return err
	}
	if err := c.awaitTurn(&m); err != nil {
		return err
	}
	return c.dispatch(&m)
}

// parse is a function of its own to keep the stack small below the hub's methods: a message is handed on by its
// address. The goroutine has a stack of 4 KiB in any case.
//
//go:noinline
func (c *Conn) parse(record []byte, m *wire.Inbound) (err error) {
	*m, err = c.protocol.Parse(record)
	return err
}

// endBecause ends the connection for the error of read.
func (c *Conn) endBecause(err error) {
	var farewell *transport.FarewellError
	var violation *transport.ViolationError
	var refusal *handshakeError
	var excess *excessError
	e := ending{grace: flushTimeout}
	switch {
	case errors.Is(err, transport.ErrInterrupted):
		if c.retiring.Load() {
			c.end(c.shutdownEnding())
		}
		return // else the one that interrupted has ended the connection
	case errors.As(err, &farewell):
		e.reason, e.drop, e.parted = ClosedByClient, true, true
		e.last = c.goodbye(farewell.Status)
		e.grace = overflowGrace
	case errors.As(err, &refusal):
		e.reason, e.err = HandshakeFailed, err
		e.last = append([]wire.Frame{refusal.frame}, c.goodbye(int(ws.StatusNormalClosure))...)
	case errors.As(err, &violation):
		e.reason, e.err = ProtocolViolated, err
		e.last = c.goodbye(violation.Status)
	case errors.As(err, &excess):
		e.reason, e.err, e.drop = RateExceeded, err, true
		e.last = c.lastWords(excess.Error(), false, int(ws.StatusPolicyViolation))
		e.grace = overflowGrace
	case errors.Is(err, wire.ErrTooLarge) && !c.greeted.Load():
		e.reason, e.err = HandshakeFailed, err
		e.last = append([]wire.Frame{wire.HandshakeFrame(textHandshakeLate)}, c.goodbye(int(ws.StatusMessageTooBig))...)
	case errors.Is(err, wire.ErrTooLarge):
		e.reason, e.err = ProtocolViolated, err
		e.last = c.lastWords(textConnectionError, true, int(ws.StatusMessageTooBig))
	case errors.Is(err, wire.ErrMalformed):
		e.reason, e.err = ProtocolViolated, err
		e.last = c.lastWords(textConnectionError, true, int(ws.StatusNormalClosure))
	default:
		e.reason, e.err, e.drop, e.abort = ConnectionLost, err, true, true
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			e.err = io.ErrUnexpectedEOF
		}
	}
	c.end(e)
}

func (c *Conn) onDisconnected() {
	c.mu.Lock()
	err := c.ending.err
	c.mu.Unlock()
	_, _ = c.guard("OnDisconnected", func() (any, error) { // a panic is logged; the client is gone
		c.hub.onDisconnected(c, err)
		return struct{}{}, nil
	})
}
