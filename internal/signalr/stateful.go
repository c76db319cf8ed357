package signalr

import (
	"slices"
	"sync/atomic"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// statefulVersion is the version that a client's handshake asks for where it wants stateful reconnect.
const statefulVersion = 2

// stateful is what stateful reconnect adds to a connection (HubProtocol.md, "Ack" and "Sequence"; MessageBuffer.cs). Each side
// numbers the messages of types 1 to 5 that it sends, from 1, without writing the number down; it keeps them until the other
// side acknowledges them, and when a WebSocket is cut and another takes its place, says with a Sequence where it begins and
// sends what it kept again. The other side leaves out what it has had.
type stateful struct {
	// Sending; the connection's mu guards it.
	unacked []*wire.Frame // written at least once, not acknowledged
	first   int64         // the id of unacked[0], or of the next message to be written
	bytes   int           // in unacked
	resend  bool          // the transport is new: Sequence and unacked come before anything else
	swapped chan struct{} // closed when the transport is replaced

	// Receiving; the reader's.
	next     int64 // the id of the next numbered message
	least    int64 // what the client's next Sequence may say at least: it does not go back behind its last one
	awaiting bool  // the transport is new: nothing counts before the Sequence

	received atomic.Int64 // the highest id that was handled
	acked    atomic.Int64 // what the client was last told of it
}

func newStateful() *stateful {
	return &stateful{first: 1, next: 1, least: 1, swapped: make(chan struct{})}
}

// admit reports whether a message is to be handled, and not one that was handled before the cut.
func (s *stateful) admit(m *inbound) bool {
	if s.awaiting {
		return m.kind == typeSequence
	}
	if m.kind < typeInvocation || m.kind > typeCancelInvocation {
		return true
	}
	id := s.next
	s.next++
	if id <= s.received.Load() {
		return false
	}
	s.received.Store(id)
	return true
}

// restart follows the client's Sequence: the messages that it sends from now on have these ids. One that would have messages ignored that were never
// sent before is an error: a client goes back only on a new transport, and there at most to what it began with on the one before.
func (s *stateful) restart(sequenceID int64) error {
	if !s.awaiting {
		if sequenceID != s.next {
			return wire.Malformedf("sequence %d in the middle, where message %d follows", sequenceID, s.next)
		}
		return nil
	}
	// Not s.next: a client may be cut off while it repeats what was handled before, and be told meanwhile that it was.
	if received := s.received.Load(); sequenceID < s.least || sequenceID > received+1 {
		return wire.Malformedf("sequence %d, but it begins with %d at least, and %d messages were received", sequenceID, s.least, received)
	}
	s.awaiting = false
	s.next, s.least = sequenceID, sequenceID
	return nil
}

// acknowledge lets go of what the client has. What it had before, or cannot be the id of any message, is nothing new; what was not sent
// yet it cannot have, so that is an error and lets go of nothing. The lock is held.
func (s *stateful) acknowledge(sequenceID int64) error {
	if sequenceID < s.first {
		return nil
	}
	if last := s.first + int64(len(s.unacked)) - 1; sequenceID > last {
		return wire.Malformedf("acknowledgement of %d, but only %d messages were sent", sequenceID, last)
	}
	n := int(sequenceID - s.first + 1)
	for _, f := range s.unacked[:n] {
		s.bytes -= len(f.Bytes)
	}
	s.unacked = slices.Delete(s.unacked, 0, n)
	if len(s.unacked) == 0 {
		s.unacked = nil // an idle connection keeps no room
	}
	s.first += int64(n)
	return nil
}

// batch moves what may be written from queue to batch and returns what must wait: numbered messages, while limit bytes are
// unacknowledged. Those are not a reason to close the connection before the queue is full, as for any slow client. The lock
// is held.
func (s *stateful) batch(p protocol, batch, queue []*wire.Frame, limit int) (written, waiting []*wire.Frame) {
	if s.resend {
		s.resend = false
		sequence := sequenceFrame(p, s.first)
		batch = append(append(batch, &sequence), s.unacked...)
	}
	waiting = queue[:0]
	for _, f := range queue {
		if f.Numbered && s.bytes >= limit {
			waiting = append(waiting, f)
			continue
		}
		batch = append(batch, f)
		if f.Numbered {
			s.unacked = append(s.unacked, f)
			s.bytes += len(f.Bytes)
		}
	}
	clear(queue[len(waiting):])
	return batch, waiting
}

// lost puts the connection into the state where it has no transport and waits for another. It returns false where the
// connection cannot outlive the transport.
func (c *Conn) lost(t transport.Transport) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stateful == nil || c.ending != nil {
		return false
	}
	if c.transport == t && c.detached == 0 {
		c.detached = c.now()
		t.Close() // so that reader and writer both notice
	}
	return true
}

// replacement waits for a transport other than t. It returns nil where the connection ends instead.
func (c *Conn) replacement(t transport.Transport) transport.Transport {
	c.mu.Lock()
	current, swapped := c.transport, c.stateful.swapped
	retiring := c.retiring.Load()
	c.mu.Unlock()
	if retiring {
		return nil
	}
	if current == t {
		select {
		case <-swapped:
		case <-c.ctx.Done():
			return nil
		}
		c.mu.Lock()
		current = c.transport
		c.mu.Unlock()
	}
	c.stateful.awaiting = true
	c.stateful.acked.Store(0) // the last Ack may have been lost
	c.lastRead.Store(c.now())
	return current
}

// resumable reports whether a client may come back to the connection with another WebSocket.
func (c *Conn) resumable() bool {
	if !c.greeted.Load() || c.stateful == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending == nil && !c.retiring.Load()
}

// resume gives the connection another transport, be it that the one it has is known to be lost or only the client knows.
// It returns false where the connection is ending.
func (c *Conn) resume(t transport.Transport) bool {
	c.mu.Lock()
	if c.ending != nil || c.retiring.Load() {
		c.mu.Unlock()
		return false
	}
	old := c.transport
	c.transport, c.detached = t, 0
	s := c.stateful
	s.resend = true
	close(s.swapped)
	s.swapped = make(chan struct{})
	now := c.now()
	c.lastRead.Store(now)
	c.lastWrite.Store(now)
	start := !c.writing
	c.writing = true
	c.mu.Unlock()
	old.Close() // its reader and its writer move over
	if start {
		go c.drain()
	}
	return true
}

// acknowledged handles the client's Ack or Sequence.
func (c *Conn) acknowledged(m *inbound) error {
	if !m.hasSequence {
		return wire.Malformedf("Ack or Sequence without sequenceId")
	}
	if c.stateful == nil {
		return nil
	}
	if m.kind == typeSequence {
		return c.stateful.restart(m.sequenceID)
	}
	return c.release(m.sequenceID)
}

// release lets go of what the client has, and lets the writer go on that waited for it.
func (c *Conn) release(sequenceID int64) error {
	c.mu.Lock()
	err := c.stateful.acknowledge(sequenceID)
	start := c.ending == nil && c.detached == 0 && !c.writing && len(c.queue) > 0
	c.writing = c.writing || start
	c.mu.Unlock()
	if start {
		go c.drain()
	}
	return err
}

// ack tells the client what has been handled, where that is news. It is the sweeper's.
func (c *Conn) ack() {
	s := c.stateful
	if received := s.received.Load(); received > s.acked.Load() {
		s.acked.Store(received)
		f := ackFrame(c.protocol, received)
		_ = c.enqueueAndFlush(&f) // it fails on a connection that is ending only
	}
}

// checkDetached ends a connection whose client has not come back in time, and reports whether it has no transport.
func (c *Conn) checkDetached(elapsed int64) bool {
	c.mu.Lock()
	detached := c.detached
	c.mu.Unlock()
	if detached == 0 {
		return false
	}
	if elapsed-detached > int64(c.host.cfg.DisconnectTimeout) {
		c.end(ending{reason: ConnectionLost, err: errAbsent, drop: true, abort: true})
	}
	return true
}
