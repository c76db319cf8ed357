package event

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// Event is one row of the outbox, as its producer wrote it.
type Event struct {
	ID           uuid.UUID
	Type         Type
	ResourceID   uuid.UUID // order or team cart; uuid.Nil for admin events
	RestaurantID uuid.UUID // order events, else uuid.Nil
	CustomerID   string    // order events, else empty
	Audience     Audience  // order events, else empty
	Payload      json.RawMessage
	OccurredOn   time.Time
	TraceParent  string // W3C trace context, or empty
}

// LogValue keeps payload and customer out of the logs.
func (e *Event) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("event_id", e.ID.String()),
		slog.String("event_type", string(e.Type)),
		slog.String("resource_id", e.ResourceID.String()),
	)
}

// Logged is one entry of the event log: an event's place in one group.
type Logged struct {
	*Event
	Group    Group
	Position int64 // contiguous over the whole log, from 1
	Sequence int64 // contiguous within Group, from 1; 0 for [AccessRevoked]
	// Doubtful: clients may have seen the event before, in another order, because the database has lost what it had
	// logged. A client cannot resume from it.
	Doubtful bool
}

// UndeliverableError says why an event cannot be turned into invocations.
type UndeliverableError struct {
	EventID uuid.UUID
	Reason  string
	// UnknownType says that this release does not know the event's type. A newer release may. No other cause mends
	// itself.
	UnknownType bool
}

func (e *UndeliverableError) Error() string {
	return fmt.Sprintf("event %s cannot be delivered: %s", e.EventID, e.Reason)
}

func (e *Event) undeliverable(format string, args ...any) error {
	return &UndeliverableError{EventID: e.ID, Reason: fmt.Sprintf(format, args...)}
}

// unfit reports a field of the payload that is missing or has another value than wanted.
func (e *Event) unfit(name string, value []byte, wanted string) error {
	if isNull(value) {
		return e.undeliverable("payload: %s is missing", name)
	}
	return e.undeliverable("payload: %s is %.64s, not %s", name, value, wanted)
}

// Groups returns the groups that receive e, in the order in which they are numbered. It fails with an
// [*UndeliverableError] for an event that no release of this vocabulary can route. It checks the payload too, so an
// event that has its place in the log can always be encoded.
func (e *Event) Groups() ([]Group, error) {
	if err := e.checkPayload(); err != nil {
		return nil, err
	}
	switch e.Type.Family() {
	case Order:
		switch e.Audience {
		case Restaurant:
			return []Group{RestaurantGroup(e.RestaurantID)}, nil
		case Customer:
			return []Group{OrderGroup(e.ResourceID)}, nil
		case Both, "":
			return []Group{OrderGroup(e.ResourceID), RestaurantGroup(e.RestaurantID)}, nil
		default:
			return nil, e.undeliverable("unknown audience %.64q", e.Audience)
		}
	case TeamCart:
		return []Group{TeamCartGroup(e.ResourceID)}, nil
	case Admin:
		return []Group{e.Type.row().Group}, nil
	case Control:
		r, err := e.Revocation()
		if err != nil {
			return nil, err
		}
		return []Group{r.Group}, nil
	case Unknown:
	}
	return nil,
		&UndeliverableError{EventID: e.ID, Reason: fmt.Sprintf("unknown event_type %q", e.Type), UnknownType: true}
}
