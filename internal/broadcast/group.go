package broadcast

import (
	"hash/maphash"
	"sync"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

const shardCount = 64

// shard is a part of the groups, with one lock for all of them.
type shard struct {
	mu          sync.Mutex
	groups      map[event.Group]*group
	revocations uint64 // handled so far, of all the shard's groups
}

// group exists while it has members or entries in the ring. Everything in it is guarded by its shard's lock.
type group struct {
	name    event.Group
	shard   *shard
	members []*member
	recent  []*entry // contiguous sequences, the newest last
	handled int64    // position of the newest entry handled, 0 for none since the group exists
	head    head     // the newest event, where known
}

// head is the newest event of a group as far as it has been broadcast.
type head struct {
	eventID  uuid.UUID
	sequence int64
	known    bool
}

func (b *Broadcaster) shard(name event.Group) *shard {
	return &b.shards[maphash.Comparable(b.seed, name)%shardCount]
}

// group returns the group called name and creates it where it does not exist. The caller holds s's lock, and calls discard
// if it then leaves the group without a member and without an entry.
func (b *Broadcaster) group(s *shard, name event.Group) *group {
	g := s.groups[name]
	if g == nil {
		g = &group{name: name, shard: s}
		s.groups[name] = g
		b.groups.Add(1)
	}
	return g
}

// discard forgets g if there is nothing to remember, so that memory follows the members and the ring, not all groups that
// there have ever been.
func (b *Broadcaster) discard(g *group) {
	if len(g.members) == 0 && len(g.recent) == 0 && g.shard.groups[g.name] == g {
		delete(g.shard.groups, g.name)
		b.groups.Add(-1)
	}
}

// joinPosition is the position P that divides the group's entries for whoever joins now, under the lock: up to P they have
// been handled and will not come live, behind P they will. The package documentation has the proof.
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
