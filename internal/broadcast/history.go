package broadcast

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// ErrUnknownEvent is what [History].Locate returns for an event that the group's log does not hold: never published, of
// another group, or older than the retention.
var ErrUnknownEvent = errors.New("event is not in the log of the group")

// History is the log, for those whose cursor lies behind the ring of recent events.
type History interface {
	// Locate returns the sequence of eventID within group, or [ErrUnknownEvent].
	Locate(ctx context.Context, group event.Group, eventID uuid.UUID) (sequence int64, err error)
	// Head returns the newest entry of group at or before position: uuid.Nil where there is none, with the sequence of the newest
	// one that the retention has dropped, 0 for a group that has had no event.
	Head(ctx context.Context, group event.Group, atPosition int64) (eventID uuid.UUID, sequence int64, err error)
	// Read returns the entries of group with a sequence above after and a position of at most upTo, in order, at most limit, and no more
	// than take maxBytes of memory, unless the first alone does.
	Read(ctx context.Context, group event.Group, after, upTo int64, limit, maxBytes int) ([]event.Logged, error)
}
