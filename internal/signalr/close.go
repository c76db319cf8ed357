package signalr

import (
	"errors"
	"time"

	"github.com/gobwas/ws"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

const (
	// flushTimeout is how long an ending connection has to take the queue and the last message.
	flushTimeout = 5 * time.Second
	// overflowGrace is the same for a client that did not keep up, which is likely to take nothing at all.
	overflowGrace = time.Second
	// lingerTimeout is how long the server waits for the client's farewell.
	lingerTimeout = 2 * time.Second
)

// ending says why and how a connection ends.
type ending struct {
	reason CloseReason
	err    error         // what OnDisconnected is given
	last   []wire.Frame  // what is sent at the end, behind what is queued
	drop   bool          // what is queued is not sent
	abort  bool          // nothing is sent, nor waited for
	parted bool          // the client has already said goodbye
	grace  time.Duration // how long the rest may take to be written
	unless func() bool   // cancels the end where it returns true; called with the connection's lock held; nil: never
}

// The errors that OnDisconnected and the log get.
var (
	errSilent   = errors.New("client has sent nothing for too long")
	errAbsent   = errors.New("client has not come back")
	errStuck    = errors.New("client takes nothing")
	errUnpolled = errors.New("client has stopped polling")
)

const (
	textTooSlow = "The client does not keep up with the messages that are sent to it."
	textExpired = "The connection's credentials have expired."
)

// Close ends the connection once the queue has been sent. reason, which may be empty, is the error text that the
// client sees. allowReconnect tells the client to come back.
func (c *Conn) Close(reason string, allowReconnect bool) {
	c.CloseFor(ClosedByServer, reason, allowReconnect)
}

// CloseFor is Close with the reason for the log and the metrics.
func (c *Conn) CloseFor(why CloseReason, text string, allowReconnect bool) {
	c.TryClose(why, text, allowReconnect)
}

// TryClose is CloseFor, and returns false where the connection was ending already.
func (c *Conn) TryClose(why CloseReason, text string, allowReconnect bool) bool {
	return c.end(ending{
		reason: why,
		last:   c.lastWords(text, allowReconnect, int(ws.StatusNormalClosure)),
		grace:  flushTimeout,
	})
}

// overflow ends the connection of a client that does not keep up. The client resumes from its last event, so the
// dropped queue is not lost.
func (c *Conn) overflow() {
	ended := c.end(ending{
		reason: ClientTooSlow,
		err:    ErrQueueFull,
		last:   c.lastWords(textTooSlow, true, int(ws.StatusNormalClosure)),
		drop:   true,
		grace:  overflowGrace,
	})
	if ended {
		c.host.cfg.Metrics.queueOverflows.WithLabelValues(c.hub.name).Inc()
	}
}

// timeOut ends the connection of a client that has been silent for too long, with .NET's text.
func (c *Conn) timeOut() {
	c.end(ending{
		reason: ClientTimedOut,
		err:    errSilent,
		last:   c.lastWords(textConnectionError, true, int(ws.StatusNormalClosure)),
		drop:   true,
		grace:  overflowGrace,
	})
}

// lastWords returns the Close message and the transport's farewell.
func (c *Conn) lastWords(text string, allowReconnect bool, status int) []wire.Frame {
	var last []wire.Frame
	if c.greeted.Load() {
		last = append(last, wire.CloseFrame(c.protocol, text, allowReconnect))
	}
	return append(last, c.goodbye(status)...)
}

func (c *Conn) goodbye(status int) []wire.Frame {
	c.mu.Lock()
	t := c.transport
	c.mu.Unlock()
	if f, ok := t.Farewell(status); ok {
		return []wire.Frame{f}
	}
	return nil
}

// end makes the connection's end certain, once: nothing is queued behind it. It returns false where the end was
// certain already, or e.unless forbids it.
func (c *Conn) end(e ending) bool {
	c.mu.Lock()
	if c.ending != nil || e.unless != nil && e.unless() {
		c.mu.Unlock()
		return false
	}
	c.ending = &e
	c.flushed = make(chan struct{})
	if e.drop {
		c.queue.drop()
	}
	for i := range e.last {
		c.queue.push(&e.last[i])
	}
	start := c.queue.begin() // even with an empty queue: the writer closes flushed
	c.queue.wake()
	// Under the lock, so that the reader is interrupted before it can linger.
	if e.abort {
		c.transport.Close()
	} else {
		c.transport.LimitWrites(time.Now().Add(e.grace))
		c.transport.Interrupt()
	}
	c.mu.Unlock()
	c.cancel()
	if start {
		go c.drain()
	}
	return true
}

// cutOff makes everything that waits for the client fail now.
func (c *Conn) cutOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transport.Close()
}

// leave is the reader's last act: it waits for the client's farewell and closes the socket.
func (c *Conn) leave() *ending {
	<-c.flushed
	c.mu.Lock()
	e, t := c.ending, c.transport
	gone := e.abort || e.parted || c.queue.broken || c.detached != 0
	c.mu.Unlock()
	if !gone {
		t.Linger(time.Now().Add(lingerTimeout))
	}
	t.Close()
	return e
}
