package adminapi

import (
	"context"
	"errors"
	"math"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

// The statuses of a replay.
const (
	Resumed = event.Resumed
	Gap     = event.Gap
)

// Pager serves replays page by page from the log.
//
// Its promise is that of a hub's resume: every later event, in order, or an announced gap. The head is read first.
// So the next poll finds events that arrive while a page is read, and after a gap the client's cursor is not newer
// than the state that it fetches afterwards.
type Pager struct {
	log   eventlog.Log
	limit int
}

// NewPager returns a Pager over log. A client that is more than replayLimit events behind gets a gap.
func NewPager(log eventlog.Log, replayLimit int) *Pager { return &Pager{log: log, limit: replayLimit} }

// Replay implements [Replayer].
func (p *Pager) Replay(ctx context.Context, group event.Group, after *uuid.UUID, limit int) (
	status string, lastEventID uuid.UUID, events []event.Logged, err error,
) {
	replay := eventlog.Replay{Log: p.log, Group: group, UpTo: math.MaxInt64, Limit: p.limit, ChunkBytes: PageBytes}
	head, err := replay.Head(ctx)
	if err != nil {
		return "", uuid.Nil, nil, err
	}
	if after == nil {
		return Resumed, head.EventID, nil, nil
	}
	events, err = page(ctx, &replay, *after, head, limit)
	switch {
	case errors.Is(err, eventlog.ErrGap):
		return Gap, head.EventID, nil, nil
	case err != nil:
		return "", uuid.Nil, nil, err
	case len(events) == 0:
		return Resumed, *after, nil, nil
	default:
		return Resumed, events[len(events)-1].ID, events, nil
	}
}

// page returns the events behind after, at most limit. The all-zero id stands for the beginning.
func page(
	ctx context.Context, replay *eventlog.Replay, after uuid.UUID, head eventlog.Head, limit int,
) ([]event.Logged, error) {
	cursor := eventlog.Cursor{Kind: eventlog.After, EventID: after}
	if after == uuid.Nil {
		cursor = eventlog.Cursor{Kind: eventlog.Beginning}
	}
	from, err := replay.Locate(ctx, cursor, head)
	if err != nil {
		return nil, err
	}
	chunks, err := replay.Read(eventlog.Span{After: from, Through: head.Sequence})
	if err != nil {
		return nil, err
	}
	return chunks.Next(ctx, limit)
}
