package crowd

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/signalr"
)

// firstSequence keeps the sequences' number of digits constant, and with it the size of the messages.
const firstSequence = 1_000_000_000

// fanFeed is the log of the fan-out: events of one team cart whose messages all have the same size.
type fanFeed struct {
	position int64
	event    event.Event    // the part that all events share
	ready    []byte         // the frame of the next event, once it was asked for
	batch    []event.Logged // the next events, as far as prepared
}

// newFanFeed returns events whose messages have this many bytes.
func newFanFeed(payload int) (*fanFeed, error) {
	f := &fanFeed{event: event.Event{
		Type: event.CartPaymentEvent, ResourceID: fanGroup.ID(),
		OccurredOn: time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC),
	}}
	const longest = 32 << 10 // far below a queue's limit
	f.pad(1)
	least, err := f.message()
	if err != nil {
		return nil, err
	}
	if payload < len(least) || payload > longest {
		return nil, fmt.Errorf("a message of %d bytes cannot be made: between %d and %d can", payload, len(least), longest)
	}
	f.pad(1 + payload - len(least))
	frame := f.frame()
	logged := f.at(1)
	invocation, err := logged.Invocation(event.WithCursor)
	if err != nil {
		return nil, err
	}
	if size := signalr.NewMessage(invocation.Method, invocation.Arguments).Size(); size != len(frame) {
		return nil, fmt.Errorf("the baseline's frame has %d bytes, and Herald's has %d", len(frame), size)
	}
	return f, nil
}

// pad sets the messages' size by the length of the user's id.
func (f *fanFeed) pad(userID int) {
	f.event.Payload = fmt.Appendf(nil, `{"userId":%q,"status":"Paid"}`, bytes.Repeat([]byte{'u'}, userID))
}

// at returns the event this many places behind the last one.
func (f *fanFeed) at(ahead int64) event.Logged {
	e := f.event
	position := f.position + ahead
	copy(e.ID[:], e.ResourceID[:])
	binary.BigEndian.PutUint64(e.ID[8:], uint64(position)) //nolint:gosec // positive
	return event.Logged{Event: &e, Group: fanGroup, Position: position, Sequence: firstSequence + position}
}

// next returns the next n events.
func (f *fanFeed) next(n int) []event.Logged {
	f.prepare(n)
	batch := f.batch[:n]
	f.position += int64(n)
	f.ready, f.batch = nil, f.batch[n:]
	return batch
}

// prepare makes the next n events, as the reader of a log would have done before they are broadcast.
func (f *fanFeed) prepare(n int) {
	for len(f.batch) < n {
		f.batch = append(f.batch, f.at(int64(len(f.batch))+1))
	}
}

// message is the message of the next event.
func (f *fanFeed) message() ([]byte, error) {
	invocation, err := f.at(1).Invocation(event.WithCursor)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(struct {
		Type      int               `json:"type"`
		Target    string            `json:"target"`
		Arguments []json.RawMessage `json:"arguments"`
	}{typeInvocation, invocation.Method, invocation.Arguments})
	if err != nil {
		return nil, fmt.Errorf("encoding a message: %w", err)
	}
	return append(raw, recordSeparator), nil
}

// frame is the frame of the next event.
func (f *fanFeed) frame() []byte {
	if f.ready == nil {
		message, _ := f.message() // newFanFeed has tried it
		f.ready = plainFrame(message)
	}
	return f.ready
}

// size is the size of every frame.
func (f *fanFeed) size() int { return len(f.frame()) }
