package crowd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
)

// countingBuffer is the most that one read of a counting member takes: a whole window of small messages.
const countingBuffer = 16 << 10

// counter finds out which messages have arrived at all members. All frames of a run have one size, so counting bytes
// is enough. The content is checked in each member's first message of each run.
type counter struct {
	run  atomic.Pointer[run]
	tell func(arrived int) error
}

// run is one series of messages. A message needs no place once all members have it, so the window of outstanding
// messages is enough places.
type run struct {
	countOrder

	members int32
	missing []atomic.Int32 // by message modulo window: the members that lack it
}

// count begins a run. The last run must have arrived everywhere.
func (c *crowd) count(o countOrder) error {
	if o.Size <= 0 || o.Window <= 0 || len(o.First) != o.Size {
		return errors.New("a run needs a window and a first message of the size")
	}
	r := &run{countOrder: o, members: int32(len(c.all())), missing: make([]atomic.Int32, o.Window)} //nolint:gosec // limited by ports
	for i := range r.missing {
		r.missing[i].Store(r.members)
	}
	c.counter.run.Store(r)
	return nil
}

// count reads the messages of m until an error.
func (c *counter) count(m *member) error {
	var r *run
	var arrived, messages int // bytes and whole messages of the run
	buffer := make([]byte, countingBuffer)
	first := make([]byte, 0, countingBuffer)
	for {
		n, err := m.conn.Read(buffer)
		if err != nil {
			return fmt.Errorf("a counting member: %w", err)
		}
		if now := c.run.Load(); now != r {
			r, arrived, messages, first = now, 0, 0, first[:0]
		}
		if r == nil {
			return fmt.Errorf("a member is sent %q before anything was sent", buffer[:n])
		}
		if len(first) < r.Size {
			first = append(first, buffer[:min(n, r.Size-len(first))]...)
			if len(first) == r.Size && !bytes.Equal(first, r.First) {
				return fmt.Errorf("a member is sent %q instead of %q", first, r.First)
			}
		}
		arrived += n
		for ; messages < arrived/r.Size; messages++ {
			if err := c.arrived(r, messages); err != nil {
				return err
			}
		}
	}
}

// arrived notes that a member has a message, and tells the bench if no other member lacked it.
func (c *counter) arrived(r *run, message int) error {
	missing := &r.missing[message%r.Window]
	if missing.Add(-1) > 0 {
		return nil
	}
	missing.Store(r.members) // before telling: the bench then sends the place's next message
	return c.tell(message + 1)
}

// tell writes to the bench how many messages of the run have arrived at all members.
func (c *crowd) tell(arrived int) error {
	var b [arrivalSize]byte
	binary.BigEndian.PutUint64(b[:], uint64(arrived)) //nolint:gosec // a count
	if _, err := c.arrivals.Write(b[:]); err != nil {
		return fmt.Errorf("telling what has arrived: %w", err)
	}
	return nil
}
