package broadcast

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/yummyzoom/herald/internal/event"
)

// linkShard is one part of the connections that are, or were, in a group.
type linkShard struct {
	mu    sync.Mutex
	links map[Conn]*link
}

// link lists the groups of one connection. Its lock is taken inside a group's lock, never the other way round.
type link struct {
	conn    Conn
	mu      sync.Mutex
	closed  bool
	members []*member
}

func (b *Broadcaster) linkShard(c Conn) *linkShard {
	return &b.links[maphash.Comparable(b.seed, c)%shardCount]
}

func (b *Broadcaster) link(c Conn) *link {
	s := b.linkShard(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.links[c]
	if l == nil {
		l = &link{conn: c}
		s.links[c] = l
	}
	return l
}

// known returns the link of c if it has one.
func (b *Broadcaster) known(c Conn) *link {
	s := b.linkShard(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[c]
}

func (l *link) add(m *member, limit int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrDisconnected
	}
	if len(l.members) >= limit {
		return ErrTooManySubscriptions
	}
	m.linkSlot = len(l.members)
	l.members = append(l.members, m)
	return nil
}

func (l *link) remove(m *member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.members) - 1
	moved := l.members[last]
	moved.linkSlot = m.linkSlot
	l.members[m.linkSlot] = moved
	l.members[last] = nil
	l.members = l.members[:last]
}

// find returns the connection's member in g, or nil.
func (l *link) find(g *group) *member {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.members {
		if m.group == g {
			return m
		}
	}
	return nil
}

// Groups returns the groups that c is a member of.
func (b *Broadcaster) Groups(c Conn) []event.Group {
	l := b.known(c)
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	groups := make([]event.Group, 0, len(l.members))
	for _, m := range l.members {
		groups = append(groups, m.group.name)
	}
	return groups
}

// Joined says whether c is a member of g.
func (b *Broadcaster) Joined(c Conn, g event.Group) bool {
	l := b.known(c)
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.members, func(m *member) bool { return m.group.name == g })
}

// Disconnect removes c from all its groups, for good. c's context must be done.
func (b *Broadcaster) Disconnect(c Conn) {
	s := b.linkShard(c)
	s.mu.Lock()
	l := s.links[c]
	delete(s.links, c)
	s.mu.Unlock()
	if l == nil {
		return
	}
	l.mu.Lock()
	l.closed = true
	members := slices.Clone(l.members)
	l.mu.Unlock()
	for _, m := range members {
		m.group.shard.mu.Lock()
		if m.gone() == present {
			b.remove(m, leftConnection)
		}
		m.group.shard.mu.Unlock()
	}
}

// settle ends every join. A connection that closed meanwhile may already have been disconnected, and this join made
// its link anew. Its context is done before Disconnect is called, so either Disconnect finds the link or settle
// finds the context done.
func (b *Broadcaster) settle(c Conn, err error) error {
	if c.Context().Err() != nil {
		b.Disconnect(c)
		if err == nil {
			err = ErrDisconnected
		}
	}
	return err
}
