package signalr

import (
	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// lost marks the connection as without a transport, waiting for another. It returns false where the connection cannot
// outlive t.
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
	c.clocks.read(c.now())
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

// resume gives the connection another transport, whether or not the server has noticed that the old one is lost. It
// returns false where the connection is ending.
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
	c.clocks.refresh(c.now())
	start := c.queue.begin()
	c.mu.Unlock()
	old.Close() // the old one's reader and writer move over
	if start {
		go c.drain()
	}
	return true
}

// acknowledged handles the client's Ack or Sequence.
func (c *Conn) acknowledged(m *wire.Inbound) error {
	if !m.HasSequence {
		return wire.Malformedf("Ack or Sequence without sequenceId")
	}
	if c.stateful == nil {
		return nil
	}
	if m.Kind == wire.TypeSequence {
		return c.stateful.restart(m.SequenceID)
	}
	return c.release(m.SequenceID)
}

// release drops what the client has acknowledged, and starts the writer where frames waited for that.
func (c *Conn) release(sequenceID int64) error {
	c.mu.Lock()
	err := c.stateful.acknowledge(sequenceID)
	start := c.ending == nil && c.detached == 0 && len(c.queue.frames) > 0 && c.queue.begin()
	c.mu.Unlock()
	if start {
		go c.drain()
	}
	return err
}

// ack acknowledges to the client what was handled since the last Ack. The sweeper calls it.
func (c *Conn) ack() {
	s := c.stateful
	if received := s.received.Load(); received > s.acked.Load() {
		s.acked.Store(received)
		f := wire.AckFrame(c.protocol, received)
		_ = c.enqueueAndFlush(&f) // fails only on a connection that is ending
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
