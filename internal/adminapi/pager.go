package adminapi

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// The statuses of a replay.
const (
	Resumed = event.Resumed
	Gap     = event.Gap
)

// Log is the event log, as far as replaying reads it. [*outbox.Log] is one.
type Log interface {
	// Locate returns the sequence of eventID in group, or [outbox.ErrUnknownEvent] for an event that is unknown, of another
	// group, or older than the retention.
	Locate(ctx context.Context, group event.Group, eventID uuid.UUID) (sequence int64, err error)
	// Head returns the newest numbered entry of group at or before a position: uuid.Nil where there is none, with the sequence of the
	// newest one that the retention has dropped, 0 for a group that has had no event.
	Head(ctx context.Context, group event.Group, atPosition int64) (eventID uuid.UUID, sequence int64, err error)
	// Read returns the entries of group with a sequence above after and a position of at most upTo, in order, at most limit, and no more
	// than take maxBytes of memory, unless the first alone does.
	Read(ctx context.Context, group event.Group, after, upTo int64, limit, maxBytes int) ([]event.Logged, error)
}

// Pager serves replays page by page from a [Log].
//
// It is the same promise as a hub's resume: every later event, in order, or a gap that is told of. The head is read first,
// so that what comes in while a page is read is found by the next poll, and the client of a gap holds a cursor that is not
// newer than the state it fetches afterwards.
type Pager struct {
	log   Log
	limit int
}

// NewPager returns a Pager over log. A client that is more than replayLimit events behind gets a gap.
func NewPager(log Log, replayLimit int) *Pager { return &Pager{log: log, limit: replayLimit} }

// Replay implements [Replayer].
func (p *Pager) Replay(ctx context.Context, group event.Group, after *uuid.UUID, limit int) (
	status string, lastEventID uuid.UUID, events []event.Logged, err error,
) {
	head, newest, err := p.log.Head(ctx, group, math.MaxInt64)
	if err != nil {
		return "", uuid.Nil, nil, fmt.Errorf("finding the newest event of %s: %w", group, err)
	}
	if after == nil {
		return Resumed, head, nil, nil
	}
	var from int64
	if *after != uuid.Nil {
		from, err = p.log.Locate(ctx, group, *after)
		if errors.Is(err, outbox.ErrUnknownEvent) {
			return Gap, head, nil, nil
		}
		if err != nil {
			return "", uuid.Nil, nil, fmt.Errorf("finding event %s of %s: %w", after, group, err)
		}
	}
	events, err = p.log.Read(ctx, group, from, math.MaxInt64, limit, PageBytes)
	if err != nil {
		return "", uuid.Nil, nil, fmt.Errorf("reading the events of %s: %w", group, err)
	}
	if *after == uuid.Nil { // the beginning is where the retention has left it
		from = newest
		if len(events) > 0 {
			from = events[0].Sequence - 1
		}
	}
	// The events between may have left the retention since Locate found the first of them.
	if newest-from > int64(p.limit) || !contiguous(events, from) || (len(events) == 0 && newest > from) {
		return Gap, head, nil, nil
	}
	if len(events) == 0 {
		return Resumed, *after, nil, nil
	}
	return Resumed, events[len(events)-1].ID, events, nil
}

func contiguous(events []event.Logged, after int64) bool {
	for i, e := range events {
		if e.Sequence != after+int64(i)+1 {
			return false
		}
	}
	return true
}
