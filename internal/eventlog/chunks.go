package eventlog

import (
	"context"

	"github.com/yummyzoom/herald/internal/event"
)

// Span is what a client lacks of a group: the events behind the sequence After, up to Through.
type Span struct{ After, Through int64 }

// Events is the number of events: 0 where Through does not lie behind After.
func (s Span) Events() int64 { return max(0, s.Through-s.After) }

// Chunks reads the events of a span, a few at a time.
type Chunks struct {
	replay *Replay
	rest   Span
	room   int // entries as large as those before that a chunk has room for
}

// Next returns the next events, most at most, in order and without a hole; none behind the last. Before a hole it
// returns the events up to the hole, and [ErrGap].
func (c *Chunks) Next(ctx context.Context, most int) ([]event.Logged, error) {
	if c.rest.Events() == 0 {
		return nil, nil
	}
	entries, err := c.replay.read(ctx, c.rest.After, int(min(c.rest.Events(), int64(most), int64(c.room))))
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, ErrGap
	}
	bytes := 0
	for i, l := range entries {
		if l.Sequence != c.rest.After+1 {
			return entries[:i], ErrGap
		}
		c.rest.After++
		bytes += entryBytes + len(l.Payload)
	}
	c.room = c.replay.ChunkBytes*len(entries)/bytes + 1 // one more than fits, so that hardly any row is sent in vain
	return entries, nil
}
