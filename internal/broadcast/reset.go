package broadcast

import (
	"context"
	"log/slog"
)

// Reset forgets every entry and goes on behind position, which may be an older one: the log has lost what this node has broadcast
// behind it, or what it has not broadcast yet. All members leave their groups, and their connections are closed so that they come
// back and resume, from the log as it is now. Like Broadcast, it is called by the one who follows the log.
func (b *Broadcaster) Reset(ctx context.Context, position int64) {
	b.broadcasting.Lock()
	defer b.broadcasting.Unlock()
	// First the position: whoever joins a group after it was cleared joins at the new one, and who joined before is taken out.
	b.position.Store(position)
	var out outcome
	for i := range b.shards {
		b.clear(&b.shards[i], &out)
	}
	b.ring.oldest, b.ring.newest = nil, nil
	b.cfg.Journal.Begin(position)
	b.report(ctx, &out)
	b.cfg.Logger.InfoContext(ctx, "groups cleared", slog.Int64("position", position), slog.Int("members", len(out.dropped)))
}

// clear takes all members out of a shard's groups, and all entries out of the ring.
func (b *Broadcaster) clear(s *shard, out *outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		for _, e := range g.recent {
			b.uncache(e)
		}
		g.recent = nil
		for len(g.members) > 0 {
			m := g.members[len(g.members)-1]
			b.remove(m, leftReset)
			out.dropped = append(out.dropped, drop{m.conn, leftReset})
		}
		b.discard(g)
	}
}
