package signalr

import (
	"math"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// write is the writer. It runs while the queue is not empty, and takes all of it each time.
func (c *Conn) write() {
	for {
		t, batch := c.take()
		if len(batch) == 0 {
			return
		}
		c.written(t, batch, wire.Size(batch), c.writeBatch(t, batch))
	}
}

// writeBatch writes as many frames at a time as one system call takes. The time-out is for each call, because a slow
// client is not a stuck one.
func (c *Conn) writeBatch(t transport.Transport, batch []*wire.Frame) error {
	for len(batch) > 0 {
		n := min(len(batch), transport.MaxVector)
		if c.polls != nil { // LongPolling divides them by what a response may hold, and has its own time-out
			n = len(batch)
		}
		c.clocks.beginWrite(c.now())
		err := t.Write(batch[:n])
		c.clocks.endWrite(c.now())
		if err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// take returns a batch and the transport to write it to, or nothing where the writer's work is done.
func (c *Conn) take() (transport.Transport, []*wire.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if batch := c.batch(); len(batch) > 0 {
		return c.transport, batch
	}
	c.queue.rest()
	if c.ending != nil {
		close(c.flushed)
	}
	return nil, nil
}

// batch takes the frames that may be written now. The lock is held.
func (c *Conn) batch() []*wire.Frame {
	if c.queue.broken || c.detached != 0 {
		return nil
	}
	if c.stateful == nil {
		return c.queue.take()
	}
	limit := c.host.cfg.ReconnectBytes
	if c.ending != nil {
		limit = math.MaxInt // the last message stands behind everything else, so all is written
	}
	return c.queue.takeNumbered(c.stateful, c.protocol, limit)
}

// written accounts for a batch of so many bytes that was written, or whose write failed.
func (c *Conn) written(t transport.Transport, batch []*wire.Frame, bytes int, err error) {
	if err == nil {
		sent := c.host.cfg.Metrics.of(c.hub)
		sent.sentMessages.Add(float64(len(batch)))
		sent.sentBytes.Add(float64(bytes))
	} else if !c.lost(t) {
		c.end(ending{reason: ConnectionLost, err: err, drop: true, abort: true})
	}
	clear(batch)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.wrote(batch)
	c.queue.broken = c.queue.broken || err != nil && c.ending != nil && c.transport == t
}

// Flush writes what is queued, as far as the socket takes it at once, and leaves the rest to a goroutine. It does not
// wait. While it runs it is the connection's only writer, as write is.
func (c *Conn) Flush() {
	t, batch := c.take()
	if len(batch) == 0 {
		return
	}
	bytes := wire.Size(batch)
	whole, part, err := t.WriteNow(batch)
	if whole < len(batch) && err == nil {
		go c.writeRest(t, batch, bytes, whole, part)
		return
	}
	c.clocks.wrote(c.now())
	c.written(t, batch, bytes, err)
	// A caller that sends all the time must not keep Flush busy.
	if t, batch = c.take(); len(batch) > 0 {
		go c.writeRest(t, batch, wire.Size(batch), 0, 0)
	}
}

// writeRest goes on where Flush left off: whole frames of the batch are written, and part bytes of the next one.
func (c *Conn) writeRest(t transport.Transport, batch []*wire.Frame, bytes, whole, part int) {
	if part > 0 {
		batch[whole] = &wire.Frame{Bytes: batch[whole].Bytes[part:]}
	}
	c.written(t, batch, bytes, c.writeBatch(t, batch[whole:]))
	c.write()
}
