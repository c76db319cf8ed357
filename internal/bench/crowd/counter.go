package crowd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
)

// countingBuffer is what one read of a counting member takes at most: a whole window of small messages.
const countingBuffer = 16 << 10

// counter finds out which messages have arrived at all members. Frames of a run have one size, so counting bytes is enough; that they
// are what they should be is looked at in each member's first of each run.
type counter struct {
	run  atomic.Pointer[run]
	tell func(arrived int) error
}

// run is one series of messages. Of message i there is nothing left to say once all members have it, so as many places are enough as
// messages are outstanding.
type run struct {
	countOrder

	members int32
	missing []atomic.Int32 // by message modulo window: at how many members it has not arrived
}

// count begins a run. The last one must have arrived everywhere.
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

// count reads what m is sent, for ever.
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

// arrived notes that a member has a message, and tells if it is the last one that lacked it.
func (c *counter) arrived(r *run, message int) error {
	missing := &r.missing[message%r.Window]
	if missing.Add(-1) > 0 {
		return nil
	}
	missing.Store(r.members) // before it is told: the place's next message is sent because of it
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
