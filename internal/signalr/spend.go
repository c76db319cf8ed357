package signalr

import (
	"time"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

func (c *Conn) spendMessage() error { return c.spendMessageAt(c.arrived) }

func (c *Conn) spendMessageAt(now int64) error {
	if c.host.messages.Take(&c.meter.messages, now) > 0 {
		return &excessError{what: "messages", rate: c.host.cfg.MessageRate}
	}
	return nil
}

// spendOnPart spends a message on a chunk that did not end with a record.
func (c *Conn) spendOnPart(part []byte) error {
	if len(part) == 0 {
		return nil
	}
	return c.spendMessage()
}

// idle spends a message on a frame without data, and answers it where it was a ping.
func (c *Conn) idle(pong wire.Frame) error {
	if err := c.spendMessageAt(c.now()); err != nil {
		return err
	}
	if len(pong.Bytes) > 0 {
		answer := pong
		_ = c.enqueue(&answer) // fails only on a connection that is ending
	}
	return nil
}

func (c *Conn) spendInvocation(m *wire.Inbound) error {
	if m.Kind != wire.TypeInvocation && m.Kind != wire.TypeStreamInvocation {
		return nil
	}
	if c.host.invocations.Take(&c.meter.invocations, c.arrived) > 0 {
		return &excessError{what: "invocations", rate: c.host.cfg.InvocationRate}
	}
	return nil
}

// awaitTurn waits until the connections of the user together may make one more invocation.
func (c *Conn) awaitTurn(m *wire.Inbound) error {
	if m.Kind != wire.TypeInvocation && m.Kind != wire.TypeStreamInvocation {
		return nil
	}
	wait := c.seat.Account.Reserve(c.host.userInvocations, c.now())
	if wait == 0 {
		return nil
	}
	c.host.cfg.Metrics.delayed.WithLabelValues(c.hub.name).Inc()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return transport.ErrInterrupted
	}
}
