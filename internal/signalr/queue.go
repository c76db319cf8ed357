package signalr

import (
	"context"
	"fmt"
)

// keptQueue is how many entries an idle connection's queue keeps room for.
const keptQueue = 16

// Send queues m. It never blocks and never writes itself. Messages are written in the order in which they were queued.
// ErrQueueFull: this message found the queue full, and the connection is being closed with allowReconnect; what was
// queued is not sent. ErrClosed: it was closed before.
func (c *Conn) Send(m *Message) error { return c.enqueue(m.frame(c.protocol)) }

// enqueue is a pointer append under the lock. A message on its own may be larger than the queue's limit: it could not be
// delivered otherwise, however often the client came back.
func (c *Conn) enqueue(f *frame) error {
	c.mu.Lock()
	if c.ending != nil {
		c.mu.Unlock()
		return ErrClosed
	}
	if c.queued > 0 && c.queued+len(f.bytes) > c.server.cfg.QueueBytes {
		c.mu.Unlock()
		c.overflow()
		return ErrQueueFull
	}
	c.queue = append(c.queue, f)
	c.queued += len(f.bytes)
	start := !c.writing
	c.writing = true
	c.mu.Unlock()
	if start {
		go c.drain()
	}
	return nil
}

// QueuedBytes returns how many bytes wait to be written or are being written.
func (c *Conn) QueuedBytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// WaitQueue waits until fewer than below bytes are queued, so that a long replay does not overflow the queue. It returns
// ErrClosed where the connection ends, or the context's error.
func (c *Conn) WaitQueue(ctx context.Context, below int) error {
	for {
		c.mu.Lock()
		if c.ending != nil {
			c.mu.Unlock()
			return ErrClosed
		}
		if c.queued < below || c.queued == 0 {
			c.mu.Unlock()
			return nil
		}
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room := c.room
		c.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the queue: %w", context.Cause(ctx))
		}
	}
}

// wake lets WaitQueue look again. The lock is held.
func (c *Conn) wake() {
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}

// write is the writer: it runs while the queue is not empty, and takes all of it each time.
func (c *Conn) write() {
	for {
		batch, ok := c.take()
		if !ok {
			return
		}
		c.writingSince.Store(c.now())
		err := c.transport.write(batch)
		c.writingSince.Store(0)
		c.lastWrite.Store(c.now())
		if err != nil {
			c.end(ending{reason: ConnectionLost, err: err, drop: true, abort: true})
		}
		c.taken(batch, err)
	}
}

// take returns what is queued, or false where the writer's work is done.
func (c *Conn) take() ([]*frame, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) > 0 && !c.broken {
		batch := c.queue
		c.queue, c.spare = c.spare[:0], nil
		return batch, true
	}
	c.writing = false
	if cap(c.queue) > keptQueue {
		c.queue = nil
	}
	if cap(c.spare) > keptQueue {
		c.spare = nil
	}
	if c.ending != nil {
		close(c.flushed)
	}
	return nil, false
}

// taken accounts for a batch that has been written, or could not be.
func (c *Conn) taken(batch []*frame, err error) {
	bytes := 0
	for _, f := range batch {
		bytes += len(f.bytes)
	}
	if err == nil {
		c.server.cfg.Observer.MessagesSent(c.hub.name, len(batch), bytes)
	}
	clear(batch)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spare = batch[:0]
	c.queued -= bytes
	c.broken = c.broken || err != nil
	c.wake()
}
