package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// ErrGap is returned where the log cannot show that a client lacks nothing. The client has to fetch its state anew.
var ErrGap = errors.New("it cannot be shown that nothing is missing")

// ErrUnknownEvent is returned for a cursor that is no event of the group's log: never published, of another group,
// older than the retention, or doubtful since a new epoch began. It is an [ErrGap].
var ErrUnknownEvent = fmt.Errorf("no such event in this group: %w", ErrGap)

// Log is the log as a replay reads it. [*Reader] is one.
type Log interface {
	// Locate returns the sequence of eventID within group, or [ErrUnknownEvent].
	Locate(ctx context.Context, group event.Group, eventID uuid.UUID) (sequence int64, err error)
	// Head returns the newest entry of group at or before position. Where there is none it returns uuid.Nil, with the
	// sequence of the newest entry that the retention has dropped, or 0 for a group that has had no event.
	Head(ctx context.Context, group event.Group, atPosition int64) (eventID uuid.UUID, sequence int64, err error)
	// Read returns the entries of group with a sequence above after and a position of at most upTo, in order: at most
	// limit, and no more than take maxBytes of memory, unless the first alone does.
	Read(ctx context.Context, group event.Group, after, upTo int64, limit, maxBytes int) ([]event.Logged, error)
}

// Replay reads the log for a client that comes back, over a hub or over REST: first the head of its group, then the
// place of its cursor, then the events between, in chunks of bounded size.
//
// The head is read first. So an event that comes in meanwhile lies behind the replay, and an event that the
// retention drops meanwhile leaves a hole, which is a gap.
type Replay struct {
	Log   Log
	Group event.Group
	// UpTo is the last position of the replay.
	UpTo int64
	// Limit is how many events the client may be behind. Beyond it there is a gap.
	Limit int
	// ChunkBytes is how much memory a chunk takes at most, unless it is a single event.
	ChunkBytes int
	// Timeout bounds each read. 0: only the caller's context does.
	Timeout time.Duration
}

// Head is the newest event of a group. Where the retention has dropped all events it is uuid.Nil, with the sequence
// of the last one.
type Head struct {
	EventID  uuid.UUID
	Sequence int64
}

// Head reads the group's newest event up to the replay's position.
func (r *Replay) Head(ctx context.Context) (head Head, err error) {
	ctx, cancel := r.limited(ctx)
	defer cancel()
	if head.EventID, head.Sequence, err = r.Log.Head(ctx, r.Group, r.UpTo); err != nil {
		return Head{}, fmt.Errorf("reading the head of %s: %w", r.Group, err)
	}
	return head, nil
}

// Locate returns the sequence behind which the client of a cursor lacks events: that of the event which the cursor
// names, or the one before the oldest event that there is. It fails with [ErrUnknownEvent].
func (r *Replay) Locate(ctx context.Context, cursor Cursor, head Head) (sequence int64, err error) {
	switch cursor.Kind {
	case Live:
		return head.Sequence, nil
	case Beginning:
		oldest, err := r.read(ctx, 0, 1)
		if err != nil || len(oldest) == 0 {
			return head.Sequence, err
		}
		return oldest[0].Sequence - 1, nil
	case After:
	}
	ctx, cancel := r.limited(ctx)
	defer cancel()
	sequence, err = r.Log.Locate(ctx, r.Group, cursor.EventID)
	if err != nil && !errors.Is(err, ErrUnknownEvent) {
		err = fmt.Errorf("locating the cursor in %s: %w", r.Group, err)
	}
	return sequence, err
}

// Read begins to read the events of a span. It fails with [ErrGap] where they are too many.
func (r *Replay) Read(span Span) (*Chunks, error) {
	if span.Events() > int64(r.Limit) {
		return nil, ErrGap
	}
	return &Chunks{replay: r, rest: span, room: r.Limit}, nil
}

func (r *Replay) read(ctx context.Context, after int64, limit int) ([]event.Logged, error) {
	ctx, cancel := r.limited(ctx)
	defer cancel()
	entries, err := r.Log.Read(ctx, r.Group, after, r.UpTo, limit, r.ChunkBytes)
	if err != nil {
		return nil, fmt.Errorf("reading the events of %s: %w", r.Group, err)
	}
	return entries, nil
}

func (r *Replay) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.Timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, r.Timeout)
}
