package hubclient

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// Subscription is a group and the place in it from which to follow.
type Subscription struct {
	// Hub is the hub's path. Empty: the hub that has the group.
	Hub string
	// Group is the group to follow.
	Group event.Group
	// LastEventID is the last event that has been handled. Nil: from now on; [uuid.Nil]: from the beginning.
	LastEventID *uuid.UUID
}

// Event is an event of the followed group.
type Event struct {
	Method     string
	Arguments  []json.RawMessage // as received: a team cart event has its cursor object behind the positional arguments
	EventID    uuid.UUID
	Sequence   int64 // contiguous within the group
	OccurredOn time.Time
	ReceivedAt time.Time
}

// The values of [Result].Status.
const (
	Resumed = event.Resumed
	Gap     = event.Gap
)

// Result is the server's answer to a resume: the client's new place in the group.
type Result struct {
	Status      string    `json:"status"`
	Replayed    int       `json:"replayed"`
	LastEventID uuid.UUID `json:"lastEventId"`
	Sequence    int64     `json:"sequence"`
}

// resumption says how a group is resumed.
type resumption struct {
	hub    string
	method string
	args   []any // before the cursor
	behind []any // behind the cursor
}

func (s Subscription) resumption() (resumption, error) {
	hub, kind := s.Group.Row()
	if hub == nil {
		return resumption{}, fmt.Errorf("following %q: no such group", s.Group)
	}
	r := resumption{hub: cmp.Or(s.Hub, hub.Path), method: kind.ResumeMethod()}
	if kind.Resource != "" {
		r.args = []any{s.Group.ID().String()}
	}
	if kind.Cursor {
		// These events carry their place in a trailing argument, which has to be asked for; nothing can be resumed without
		// it.
		r.behind = []any{true}
	}
	return r, nil
}

// eventOf reads the event from an invocation. Every event names itself in its last argument, an object: the payload
// of order and admin events, the cursor of team cart events. An invocation without such an argument is no event:
// ConnectionEstablished, ErrorOccurred. So a method that this release does not know is followed too.
func eventOf(i Invocation) (Event, bool) {
	if len(i.Arguments) == 0 {
		return Event{}, false
	}
	e := Event{Method: i.Method, Arguments: i.Arguments, ReceivedAt: i.ReceivedAt}
	if !e.identify(i.Arguments[len(i.Arguments)-1]) {
		return Event{}, false
	}
	return e, true
}

// identify reads which event an object is, by the names of JSON or by those that a .NET hub writes over MessagePack.
// Names match exactly, and the first member of a name counts: Herald's own members come first. The payload's own
// members follow and may have any name, EventId and eventid included.
func (e *Event) identify(object []byte) bool {
	var id, sequence, timed bool
	for name, value := range event.MembersOf(object) {
		switch string(name) {
		case "eventId", "EventId":
			if !id && len(value) > len(`""`) && e.EventID.UnmarshalText(value[1:len(value)-1]) != nil {
				return false
			}
			id = true
		case "sequence", "Sequence":
			if !sequence && json.Unmarshal(value, &e.Sequence) != nil {
				return false
			}
			sequence = true
		case "timestamp", "Timestamp", "occurredOnUtc", "OccurredOnUtc":
			if !timed && json.Unmarshal(value, &e.OccurredOn) != nil {
				return false
			}
			timed = true
		}
		if id && sequence && timed {
			break
		}
	}
	return e.Sequence != 0
}
