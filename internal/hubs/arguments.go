package hubs

import (
	"errors"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

// ID is a UUID as an argument: the canonical form of 36 characters, in any casing, as System.Text.Json reads a Guid.
// Any other text does not bind.
type ID uuid.UUID

var errNotCanonical = errors.New("not a UUID in its canonical form")

// UnmarshalText reads the canonical form.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, ok := event.ParseID(text)
	if !ok {
		return errNotCanonical
	}
	*id = ID(parsed)
	return nil
}

// cursor reads a lastEventId: null to join live, the all-zero UUID for the beginning.
func cursor(lastEventID *ID) eventlog.Cursor {
	switch {
	case lastEventID == nil:
		return eventlog.Cursor{Kind: eventlog.Live}
	case *lastEventID == ID(uuid.Nil):
		return eventlog.Cursor{Kind: eventlog.Beginning}
	default:
		return eventlog.Cursor{Kind: eventlog.After, EventID: uuid.UUID(*lastEventID)}
	}
}
