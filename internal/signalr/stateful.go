package signalr

import (
	"slices"
	"sync/atomic"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// statefulVersion is the version that a client's handshake asks for where it wants stateful reconnect.
const statefulVersion = 2

// stateful is the state that stateful reconnect adds to a connection (HubProtocol.md, "Ack" and "Sequence";
// MessageBuffer.cs). Each side numbers the messages of types 1 to 5 that it sends, from 1, without writing the number
// down, and keeps each until the other side acknowledges it. When a WebSocket is cut and another takes its place,
// each side says with a Sequence where it begins, and sends what it kept again. The other side ignores what it has
// handled already.
type stateful struct {
	// Sending; the connection's mu guards it.
	unacked []*wire.Frame // written at least once, not acknowledged
	first   int64         // the id of unacked[0], or of the next message to be written
	bytes   int           // in unacked
	resend  bool          // the transport is new: Sequence and unacked come before anything else
	swapped chan struct{} // closed when the transport is replaced

	// Receiving; the reader's.
	next     int64 // the id of the next numbered message
	least    int64 // the least id of the client's next Sequence: it does not go back behind its last one
	awaiting bool  // the transport is new: messages before the Sequence are ignored

	received atomic.Int64 // the highest id that was handled
	acked    atomic.Int64 // the id of the last Ack to the client; 0 on a new transport
}

func newStateful() *stateful {
	return &stateful{first: 1, next: 1, least: 1, swapped: make(chan struct{})}
}

// admit reports whether a message is to be handled. It is false for a message that was handled before the cut.
func (s *stateful) admit(m *wire.Inbound) bool {
	if s.awaiting {
		return m.Kind == wire.TypeSequence
	}
	if m.Kind < wire.TypeInvocation || m.Kind > wire.TypeCancelInvocation {
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

// restart follows the client's Sequence, the id of the next message that it sends. A client goes back only on a new
// transport, and there at most to what it began with on the one before. A Sequence that would have messages ignored
// that were never sent before is an error.
func (s *stateful) restart(sequenceID int64) error {
	if !s.awaiting {
		if sequenceID != s.next {
			return wire.Malformedf("sequence %d in the middle, where message %d follows", sequenceID, s.next)
		}
		return nil
	}
	// Not s.next: a client may be cut off while it repeats messages that were handled before, and be told meanwhile that
	// they were.
	if received := s.received.Load(); sequenceID < s.least || sequenceID > received+1 {
		return wire.Malformedf("sequence %d, but it begins with %d at least, and %d messages were received", sequenceID,
			s.least, received)
	}
	s.awaiting = false
	s.next, s.least = sequenceID, sequenceID
	return nil
}

// acknowledge drops the messages that the client has. An id that was acknowledged before, or that no message can
// have, is ignored. An id that was not sent yet is an error, and drops nothing. The lock is held.
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

// batch moves what may be written from queue to batch, and returns what must wait: numbered messages, once limit
// bytes are unacknowledged. Messages that wait do not close the connection before the queue is full, as for any slow
// client. The lock is held.
func (s *stateful) batch(p wire.Protocol, batch, queue []*wire.Frame, limit int) (written, waiting []*wire.Frame) {
	if s.resend {
		s.resend = false
		sequence := wire.SequenceFrame(p, s.first)
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
