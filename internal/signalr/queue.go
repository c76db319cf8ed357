package signalr

import (
	"context"
	"fmt"
	"math"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// keptQueue is how many entries an idle connection's queue keeps room for.
const keptQueue = 16

// Send queues m. It never blocks and never writes itself. Messages are written in the order in which they were queued.
// ErrQueueFull: this message found the queue full, and the connection is being closed with allowReconnect; what was
// queued is not sent. ErrClosed: it was closed before.
func (c *Conn) Send(m *Message) error { return c.enqueue(m.frame(c.protocol)) }

// SendValues is Send for one connection alone: the arguments are encoded as results are. It returns the error of that, or those of Send.
func (c *Conn) SendValues(target string, args ...any) error {
	f, err := callFrame(c.protocol, target, args)
	if err != nil {
		return err
	}
	return c.enqueue(&f)
}

// Queue is Send for those who send to many connections and then let them all write: where flush is true, nothing is written to
// the client before the caller has called Flush, once, which it must do soon. The errors are those of Send.
func (c *Conn) Queue(m *Message) (flush bool, err error) { return c.admitFrame(m.frame(c.protocol)) }

func (c *Conn) enqueue(f *wire.Frame) error {
	start, err := c.admitFrame(f)
	if start {
		go c.drain()
	}
	return err
}

// enqueueAndFlush is for a caller that holds no lock and may take as long as a system call.
func (c *Conn) enqueueAndFlush(f *wire.Frame) error {
	start, err := c.admitFrame(f)
	if start {
		c.Flush()
	}
	return err
}

// admitFrame is a pointer append under the lock. It reports whether the caller has to start the writer. A message on its own
// may be larger than the queue's limit: it could not be delivered otherwise, however often the client came back.
func (c *Conn) admitFrame(f *wire.Frame) (start bool, err error) {
	c.mu.Lock()
	if c.ending != nil {
		c.mu.Unlock()
		return false, ErrClosed
	}
	if c.queued > 0 && c.queued+len(f.Bytes) > c.host.cfg.QueueBytes {
		c.mu.Unlock()
		c.overflow()
		return false, ErrQueueFull
	}
	start = c.push(f)
	c.mu.Unlock()
	return start, nil
}

// push appends f and reports whether the writer has to be started. The lock is held.
func (c *Conn) push(f *wire.Frame) (start bool) {
	c.queue = append(c.queue, f)
	c.queued += len(f.Bytes)
	start = !c.writing && c.detached == 0
	c.writing = c.writing || start
	return start
}

// enqueueWithin queues f as soon as no more than limit bytes are queued then, or f alone. It returns ErrClosed where the
// connection ends, or the context's error.
func (c *Conn) enqueueWithin(ctx context.Context, f *wire.Frame, limit int) error {
	for {
		if err := c.WaitQueue(ctx, limit-len(f.Bytes)+1); err != nil {
			return err
		}
		c.mu.Lock()
		fits := c.ending == nil && (c.queued == 0 || c.queued+len(f.Bytes) <= limit)
		start := fits && c.push(f)
		c.mu.Unlock()
		if start {
			go c.drain()
		}
		if fits {
			return nil
		}
	}
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
		t, batch := c.take()
		if len(batch) == 0 {
			return
		}
		c.written(t, batch, wire.Size(batch), c.writeBatch(t, batch))
	}
}

// writeBatch writes as many frames at a time as one system call takes. The time-out is for each of those: a slow client is
// not a stuck one.
func (c *Conn) writeBatch(t transport.Transport, batch []*wire.Frame) error {
	for len(batch) > 0 {
		n := min(len(batch), transport.MaxVector)
		if c.polls != nil { // which divides them by what a response may hold, and has its own time-out
			n = len(batch)
		}
		c.writingSince.Store(c.now())
		err := t.Write(batch[:n])
		c.writingSince.Store(0)
		c.lastWrite.Store(c.now())
		if err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// take returns what is to be written and to what, or nothing where the writer's work is done.
func (c *Conn) take() (transport.Transport, []*wire.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if batch := c.batch(); len(batch) > 0 {
		return c.transport, batch
	}
	c.writing = false
	if cap(c.queue) > keptQueue && len(c.queue) == 0 { // with stateful reconnect something may have to wait
		c.queue = nil
	}
	if cap(c.spare) > keptQueue {
		c.spare = nil
	}
	if c.ending != nil {
		close(c.flushed)
	}
	return nil, nil
}

// batch takes what may be written now. The lock is held.
func (c *Conn) batch() []*wire.Frame {
	if c.broken || c.detached != 0 {
		return nil
	}
	batch := c.queue
	if c.stateful == nil {
		c.queue, c.spare = c.spare[:0], nil
		c.taking = c.queued
		return batch
	}
	limit := c.host.cfg.ReconnectBytes
	if c.ending != nil {
		limit = math.MaxInt // everything goes out behind which the last message stands
	}
	batch, c.queue = c.stateful.batch(c.protocol, c.spare[:0], c.queue, limit)
	c.spare = nil
	c.taking = c.queued
	for _, f := range c.queue {
		c.taking -= len(f.Bytes)
	}
	return batch
}

// written accounts for a batch of so many bytes that has been written, or could not be.
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
	c.spare = batch[:0]
	c.queued -= c.taking
	c.taking = 0
	c.broken = c.broken || err != nil && c.ending != nil && c.transport == t
	c.wake()
}
