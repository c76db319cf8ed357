package hubclient

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// maxHeld bounds the events that wait for the answer to a resume of the admins group.
const maxHeld = 10_000

// place is a follower's place in its group, over all its connections.
type place struct {
	group  event.Group
	handle func(Event) error

	cursor   *uuid.UUID // the last event handled; nil: from now on
	sequence int64      // the cursor's sequence
	known    bool       // whether sequence is known: a caller's cursor comes without it

	// Of one connection: the events that wait for the answer, and the sequence of the first event that was taken for
	// one of the replay.
	joining bool
	held    []Event
	first   int64
}

func newPlace(sub Subscription, handle func(Event) error) *place {
	p := &place{group: sub.Group, handle: handle}
	if sub.LastEventID != nil {
		p.cursor = new(*sub.LastEventID)
	}
	return p
}

// connected begins a connection.
func (p *place) connected() {
	// Connecting to the admin hub joins the admins group, live; the resume then sends earlier events. Other groups'
	// events come only after the resume has been asked for.
	p.joining, p.held, p.first = p.group == event.Admins, nil, 0
}

// receive handles one invocation and returns whether it was an event of the group.
func (p *place) receive(i Invocation) (handled bool, err error) {
	e, ok := eventOf(i)
	if !ok || p.foreign(e) {
		return false, nil
	}
	if p.joining {
		return p.join(e)
	}
	return true, p.accept(e)
}

// join handles an event that comes before the answer: one of the replay, or one that was sent live before the
// replay. An event that continues the place is handled at once, however long the replay, so that a lost connection
// does not cost it.
func (p *place) join(e Event) (handled bool, err error) {
	switch {
	case e.Sequence < p.first: // a replayed event: the one taken for the first of the replay was live
		return false, &ContiguityError{Group: p.group, Want: p.first, Got: e.Sequence, EventID: e.EventID}
	case p.known && e.Sequence <= p.sequence:
		return false, nil
	case p.known && e.Sequence == p.sequence+1:
		return true, p.accept(e)
	case len(p.held) < maxHeld:
		p.held = append(p.held, e)
		return false, nil
	case p.known:
		return false, errTooManyHeld
	default:
		return true, p.begin(e)
	}
}

// begin handles the held events up to the first hole, from the lowest sequence on. A run of that length is the
// replay of a cursor whose sequence is unknown.
func (p *place) begin(e Event) error {
	held := slices.Concat(p.held, []Event{e})
	slices.SortFunc(held, func(a, b Event) int { return cmp.Compare(a.Sequence, b.Sequence) })
	held = slices.CompactFunc(held, func(a, b Event) bool { return a.EventID == b.EventID })
	p.first = held[0].Sequence
	for len(held) > 0 && (!p.known || held[0].Sequence == p.sequence+1) {
		if err := p.accept(held[0]); err != nil {
			return err
		}
		held = held[1:]
	}
	p.held = slices.Clone(held)
	return nil
}

// foreign says whether e is an event of the admins group while another group is followed: every connection of the
// admin hub is in the admins group.
func (p *place) foreign(e Event) bool {
	group, of := event.AdminGroup(e.Method)
	return of && group == event.Admins && p.group != event.Admins
}

func (p *place) accept(e Event) error {
	if p.known && e.Sequence != p.sequence+1 {
		return &ContiguityError{Group: p.group, Want: p.sequence + 1, Got: e.Sequence, EventID: e.EventID}
	}
	if err := p.handle(e); err != nil {
		return &handlerError{fmt.Errorf("handling event %s: %w", e.EventID, err)}
	}
	p.stand(e.EventID, e.Sequence)
	return nil
}

func (p *place) stand(id uuid.UUID, sequence int64) {
	p.cursor, p.sequence, p.known = &id, sequence, true
}

// joined reads the answer to the resume: every event up to the result's has been received.
func (p *place) joined(answer []byte) (Result, error) {
	var r Result
	if err := json.Unmarshal(answer, &r); err != nil {
		return r, fmt.Errorf("%w: %w", errNotAResult, err)
	}
	switch r.Status {
	case Gap:
		p.joining, p.held = false, nil // the state that is fetched now includes them
		p.stand(r.LastEventID, r.Sequence)
		return r, nil
	case Resumed:
		return r, p.resumed(r)
	default:
		return r, fmt.Errorf("%w: status %q", errNotAResult, r.Status)
	}
}

func (p *place) resumed(r Result) error {
	held := p.held
	p.joining, p.held = false, nil
	if p.cursor == nil { // from now on
		p.stand(r.LastEventID, r.Sequence)
		return nil
	}
	for _, e := range p.missing(held, r) {
		if err := p.accept(e); err != nil {
			return err
		}
	}
	if p.known && p.sequence != r.Sequence {
		return &ContiguityError{Group: p.group, Want: p.sequence, Got: r.Sequence, EventID: r.LastEventID}
	}
	p.stand(r.LastEventID, r.Sequence)
	return nil
}

// missing sorts the events that were sent live before the replay behind it. It leaves out events that came both
// ways, and events up to the cursor, sent by a node that is behind the last one.
func (p *place) missing(held []Event, r Result) []Event {
	if r.LastEventID == *p.cursor {
		return nil
	}
	slices.SortFunc(held, func(a, b Event) int { return cmp.Compare(a.Sequence, b.Sequence) })
	held = slices.CompactFunc(held, func(a, b Event) bool { return a.EventID == b.EventID })
	if at := slices.IndexFunc(held, func(e Event) bool { return e.EventID == *p.cursor }); at >= 0 {
		held = held[at+1:]
	}
	return slices.DeleteFunc(held, func(e Event) bool { return p.known && e.Sequence <= p.sequence })
}
