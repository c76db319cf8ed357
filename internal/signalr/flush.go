package signalr

import (
	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Flush writes what is queued, as far as the client takes it at once; the rest is left to a goroutine. It does not wait. It is
// the writer, like write, and nobody else is while it runs.
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
	c.lastWrite.Store(c.now())
	c.written(t, batch, bytes, err)
	// Whoever queues all the time must not keep the caller.
	if t, batch = c.take(); len(batch) > 0 {
		go c.writeRest(t, batch, wire.Size(batch), 0, 0)
	}
}

// writeRest goes on where Flush left off: with so many frames of the batch written, and so many bytes of the next one.
func (c *Conn) writeRest(t transport.Transport, batch []*wire.Frame, bytes, whole, part int) {
	if part > 0 {
		batch[whole] = &wire.Frame{Bytes: batch[whole].Bytes[part:]}
	}
	c.written(t, batch, bytes, c.writeBatch(t, batch[whole:]))
	c.write()
}
