package broadcast

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/signalr"
)

// ring holds the recent entries of all groups in the order of their positions. The list belongs to the caller of
// Broadcast. Each entry is also in its group's recent, which the group's lock guards.
type ring struct {
	oldest, newest *entry
	bytes, entries atomic.Int64
}

// entryOverhead estimates an entry's memory beside payload and messages: the entry, the event, its share of the
// group.
const entryOverhead = 512

// entry is one entry of the log with its messages. The lock of its group guards all but next.
type entry struct {
	event.Logged
	group    *group
	next     *entry
	messages [2]*signalr.Message // by shape, each built when the first member needs it
	broken   [2]bool             // by shape: it could not be built
	cached   bool                // the entry is in its group's recent, and the ring's bytes include its cost
	cost     int64
}

// push appends l to the ring and makes it the head of g.
func (b *Broadcaster) push(ctx context.Context, g *group, l event.Logged) *entry {
	if n := len(g.recent); n > 0 && g.recent[n-1].Sequence+1 != l.Sequence {
		// Replaying over this would be a silent hole. Resumes read the log instead.
		b.cfg.Logger.ErrorContext(ctx, "sequence of a group is not contiguous", slog.String("group", g.name.String()),
			slog.Int64("expected", g.recent[n-1].Sequence+1), slog.Int64("sequence", l.Sequence))
		for _, e := range g.recent {
			b.uncache(e)
		}
		g.recent = nil
	}
	e := &entry{Logged: l, group: g, cached: true, cost: entryOverhead + int64(len(l.Payload))}
	g.recent = append(g.recent, e)
	g.handled = l.Position
	g.head = head{eventID: l.ID, sequence: l.Sequence, known: true}
	b.ring.bytes.Add(e.cost)
	b.ring.entries.Add(1)
	if b.ring.newest == nil {
		b.ring.oldest = e
	} else {
		b.ring.newest.next = e
	}
	b.ring.newest = e
	return e
}

// evict removes the oldest entries until the ring is within its bound.
func (b *Broadcaster) evict() {
	for b.ring.bytes.Load() > b.cfg.RingBytes && b.ring.oldest != nil {
		e := b.ring.oldest
		if b.ring.oldest = e.next; e.next == nil {
			b.ring.newest = nil
		}
		e.next = nil // an entry that waits for a member must not hold all later ones
		g := e.group
		g.shard.mu.Lock()
		if e.cached {
			b.uncache(e)
			g.recent[0] = nil
			g.recent = g.recent[1:]
			b.discard(g)
		}
		g.shard.mu.Unlock()
	}
}

func (b *Broadcaster) uncache(e *entry) {
	e.cached = false
	b.ring.bytes.Add(-e.cost)
	b.ring.entries.Add(-1)
}

// message returns e's message in shape, or nil if it cannot be built.
func (b *Broadcaster) message(ctx context.Context, e *entry, shape event.Shape) *signalr.Message {
	if int(shape) >= e.Type.Shapes() {
		shape = event.Plain
	}
	if e.messages[shape] == nil && !e.broken[shape] {
		m := b.encode(ctx, e.Logged, shape)
		if m == nil {
			e.broken[shape] = true
			return nil
		}
		e.messages[shape] = m
		if e.cached {
			size := messageCost(m)
			e.cost += size
			b.ring.bytes.Add(size)
		}
	}
	return e.messages[shape]
}

// messageCost is a message's memory: its frame, and that of another protocol.
func messageCost(m *signalr.Message) int64 { return 2 * int64(m.Size()) }

// encode builds the message of an entry. The relay checks every event before it gives it a place in the log, so a
// failure means that another release wrote the entry. The failure must not stop later entries.
func (b *Broadcaster) encode(ctx context.Context, l event.Logged, shape event.Shape) *signalr.Message {
	m, err := b.build(l, shape)
	if err != nil {
		b.undeliverable(ctx, l, err)
		return nil
	}
	return m
}

func buildMessage(l event.Logged, shape event.Shape) (*signalr.Message, error) {
	return signalr.NewMessageOf(l.Type.Method(), l.ArgumentsSize(), objects()[l.Type], func(b []byte) ([]byte, error) {
		return l.AppendArguments(b, shape)
	})
}

func (b *Broadcaster) undeliverable(ctx context.Context, l event.Logged, err error) {
	b.cfg.Metrics.undeliverable.Inc()
	b.cfg.Logger.ErrorContext(ctx, "event passed over", slog.Any("event", l.Event), slog.Int64("position", l.Position),
		slog.Any("error", err))
}
