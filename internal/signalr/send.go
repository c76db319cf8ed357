package signalr

import (
	"context"
	"fmt"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Send queues m. It never blocks and never writes. Messages are written in the order in which they were queued.
// ErrQueueFull: this message found the queue full; the connection is being closed with allowReconnect, and its queue
// is not sent. ErrClosed: the connection was closed before.
func (c *Conn) Send(m *wire.Message) error { return c.enqueue(m.Frame(c.protocol)) }

// SendValues is Send for one connection alone: the arguments are encoded as results are. It returns the encoding's
// error, or those of Send.
func (c *Conn) SendValues(target string, args ...any) error {
	f, err := wire.CallFrame(c.protocol, target, args)
	if err != nil {
		return err
	}
	return c.enqueue(&f)
}

// Queue is Send for a caller that sends to many connections and then flushes them. Where flush is true, nothing is
// written to the client before the caller has called Flush, which it must do once, and soon. The errors are those of
// Send.
func (c *Conn) Queue(m *wire.Message) (flush bool, err error) {
	return c.admitFrame(m.Frame(c.protocol))
}

func (c *Conn) enqueue(f *wire.Frame) error {
	start, err := c.admitFrame(f)
	if start {
		go c.drain()
	}
	return err
}

// enqueueAndFlush is enqueue for a caller that holds no lock and may take as long as a system call.
func (c *Conn) enqueueAndFlush(f *wire.Frame) error {
	start, err := c.admitFrame(f)
	if start {
		c.Flush()
	}
	return err
}

// admitFrame is a pointer append under the lock. It reports whether the caller has to start the writer.
func (c *Conn) admitFrame(f *wire.Frame) (start bool, err error) {
	c.mu.Lock()
	if c.ending != nil {
		c.mu.Unlock()
		return false, ErrClosed
	}
	if !c.queue.fits(len(f.Bytes), c.host.cfg.QueueBytes) {
		c.mu.Unlock()
		c.overflow()
		return false, ErrQueueFull
	}
	start = c.push(f)
	c.mu.Unlock()
	return start, nil
}

// push queues f and reports whether the writer has to be started. The lock is held.
func (c *Conn) push(f *wire.Frame) (start bool) {
	c.queue.push(f)
	return c.detached == 0 && c.queue.begin()
}

// enqueueWithin queues f once the queue with f has no more than limit bytes, or is otherwise empty. It returns
// ErrClosed where the connection ends, or the context's error.
func (c *Conn) enqueueWithin(ctx context.Context, f *wire.Frame, limit int) error {
	for {
		if err := c.WaitQueue(ctx, limit-len(f.Bytes)+1); err != nil {
			return err
		}
		c.mu.Lock()
		fits := c.ending == nil && c.queue.fits(len(f.Bytes), limit)
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
	return c.queue.bytes
}

// WaitQueue waits until fewer than below bytes are queued, so that a long replay does not overflow the queue. It
// returns ErrClosed where the connection ends, or the context's error.
func (c *Conn) WaitQueue(ctx context.Context, below int) error {
	for {
		c.mu.Lock()
		if c.ending != nil {
			c.mu.Unlock()
			return ErrClosed
		}
		if c.queue.bytes < below || c.queue.bytes == 0 {
			c.mu.Unlock()
			return nil
		}
		room := c.queue.wait()
		c.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the queue: %w", context.Cause(ctx))
		}
	}
}

// ping sends the server's one ping frame of the protocol. The sweeper calls it. At times the sweeper pings all
// connections one after another, and a goroutine for each would cost a stack for each.
func (c *Conn) ping() { _ = c.enqueueAndFlush(c.host.pings[c.protocol.Slot()]) }
