package broadcast

import (
	"hash/maphash"
	"sync"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

const shardCount = 64

// shard is one part of the groups, under one lock.
type shard struct {
	mu          sync.Mutex
	groups      map[event.Group]*group
	revocations uint64 // handled so far, over all groups of the shard
}

// group exists while it has members or entries in the ring. Its shard's lock guards all its fields.
type group struct {
	name    event.Group
	shard   *shard
	members []*member
	recent  []*entry // contiguous sequences, the newest last
	handled int64    // position of the newest entry handled since the group exists; 0 for none
	head    head     // the newest event, where known
}

// head is the newest event of a group that has been broadcast.
type head struct {
	eventID  uuid.UUID
	sequence int64
	known    bool
}

func (b *Broadcaster) shard(name event.Group) *shard {
	return &b.shards[maphash.Comparable(b.seed, name)%shardCount]
}

// group returns the group called name, and creates it if it does not exist. The caller holds s's lock, and calls
// discard if it then leaves the group without a member and without an entry.
func (b *Broadcaster) group(s *shard, name event.Group) *group {
	g := s.groups[name]
	if g == nil {
		g = &group{name: name, shard: s}
		s.groups[name] = g
		b.groups.Add(1)
	}
	return g
}

// discard forgets g if it has no member and no entry, so that memory grows with the members and the ring, not with
// all groups that ever existed.
func (b *Broadcaster) discard(g *group) {
	if len(g.members) == 0 && len(g.recent) == 0 && g.shard.groups[g.name] == g {
		delete(g.shard.groups, g.name)
		b.groups.Add(-1)
	}
}

// joinPosition is the position P for a member that joins now, under the lock. The group's entries up to P have been
// handled and will not come live; those behind P will. The package documentation has the proof.
func (b *Broadcaster) joinPosition(g *group) int64 { return max(b.position.Load(), g.handled) }

// Members returns how many connections are in g.
func (b *Broadcaster) Members(g event.Group) int {
	s := b.shard(g)
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.groups[g]; g != nil {
		return len(g.members)
	}
	return 0
}
