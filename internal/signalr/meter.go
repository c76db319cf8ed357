package signalr

import (
	"strconv"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// meter is what a client has spent of what it may send. The connection's reader keeps it, so that it takes neither a lock nor
// memory, and compares it with the time at which it read what it handles: a flood in one frame comes all at once.
//
// Two rates, because two things are worth bounding. Invocations run a hub's code, which may ask a database. All messages,
// invocations among them, and pings, stream items, completions, acknowledgements, cost being read and parsed: far less, so
// that rate is an order of magnitude more, and a flood still takes only a small share of a core. What makes work without
// being a message counts as one: a WebSocket frame that carries nothing of any, and what is read without completing a
// record, so that cutting messages into bytes gains nobody anything.
//
// A third rate is the user's, over all his connections: a hundred connections would else be a hundred times one's share. What exceeds it waits in its
// connection's reader until it is its turn, and with it what the client sends behind it: the user's devices cannot know of one another, and
// each has one invocation in that line at most.
//
// A client that exceeds a rate is closed for good, told why. It is not asked to reconnect: what floods is a loop gone wrong,
// or malice, and both would go on. Whoever comes back from an interruption sends a resume for each subscription, tens at most.
type meter struct {
	messages, invocations int64 // when everything has grown back, see rate
}

// excessError says that the client sends more than it may.
type excessError struct {
	what string
	rate int
}

func (e *excessError) Error() string {
	return "The client sends more than " + strconv.Itoa(e.rate) + " " + e.what + " per second."
}

func (c *Conn) spendMessage() error { return c.spendMessageAt(c.arrived) }

func (c *Conn) spendMessageAt(now int64) error {
	if c.host.messages.take(&c.meter.messages, now) > 0 {
		return &excessError{what: "messages", rate: c.host.cfg.MessageRate}
	}
	return nil
}

// spendOnPart spends on a chunk that did not end with a record.
func (c *Conn) spendOnPart(part []byte) error {
	if len(part) == 0 {
		return nil
	}
	return c.spendMessage()
}

// idle spends on a frame that carried nothing, and answers it where that was a ping.
func (c *Conn) idle(pong wire.Frame) error {
	if err := c.spendMessageAt(c.now()); err != nil {
		return err
	}
	if len(pong.Bytes) > 0 {
		answer := pong
		_ = c.enqueue(&answer) // it fails on a connection that is ending only
	}
	return nil
}

func (c *Conn) spendInvocation(m *inbound) error {
	if m.kind != typeInvocation && m.kind != typeStreamInvocation {
		return nil
	}
	if c.host.invocations.take(&c.meter.invocations, c.arrived) > 0 {
		return &excessError{what: "invocations", rate: c.host.cfg.InvocationRate}
	}
	return nil
}

// awaitTurn waits until the user's connections together may make one more invocation.
func (c *Conn) awaitTurn(m *inbound) error {
	if m.kind != typeInvocation && m.kind != typeStreamInvocation {
		return nil
	}
	wait := c.seat.account.reserve(c.host.userInvocations, c.now())
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
