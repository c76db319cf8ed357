package broadcast

import (
	"context"
	"log/slog"
)

// Reset forgets every entry and goes on behind position, which may be an older one. It is called when the log has
// lost entries that this node has broadcast, or has yet to broadcast. All members leave their groups. Their
// connections are closed, so that the clients come back and resume from the log as it is now. Only the goroutine
// that follows the log calls it, as with Broadcast.
func (b *Broadcaster) Reset(ctx context.Context, position int64) {
	b.broadcasting.Lock()
	defer b.broadcasting.Unlock()
	// The position comes first: a member that joins a cleared group joins at the new position, and one that joined
	// before is removed.
	b.position.Store(position)
	var out outcome
	for i := range b.shards {
		b.clear(&b.shards[i], &out)
	}
	b.ring.oldest, b.ring.newest = nil, nil
	b.cfg.Journal.Begin(position)
	b.report(ctx, &out)
	b.cfg.Logger.InfoContext(
		ctx, "groups cleared", slog.Int64("position", position), slog.Int("members", len(out.dropped)),
	)
}

// clear removes all members from a shard's groups, and the groups' entries from the ring.
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
