package policy

import (
	"cmp"
	"context"
	"hash/maphash"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"
)

// CacheEntriesDefault is how many answers are remembered at most.
const CacheEntriesDefault = 10_000

// cache remembers who was allowed what, for a short time.
//
// A revocation ends the generation of its user. An answer belongs to the generation that was read before the question was put to the
// database and counts in that one only: one that is under way while a revocation is told of is never used afterwards, neither from memory
// nor by those who wait for it together.
type cache struct {
	ttl     time.Duration
	most    int
	metrics *Metrics

	seed        maphash.Seed
	generations [256]atomic.Uint64 // by the user's hash: those who share one only lose answers too early
	flights     singleflight.Group

	mu      sync.Mutex
	allowed map[key]memory
}

// key is a question.
type key struct {
	kind     string // of the group
	resource uuid.UUID
	user     string
}

// memory is a yes.
type memory struct {
	generation uint64
	until      time.Time
}

func newCache(cfg Config) *cache {
	c := &cache{
		ttl: cfg.Cache, most: cmp.Or(cfg.CacheEntries, CacheEntriesDefault), metrics: cmp.Or(cfg.Metrics, NewMetrics(nil)),
		seed: maphash.MakeSeed(), allowed: make(map[key]memory),
	}
	return c
}

// Revoked forgets what a user was allowed. It is to be called once the revocation can be read in the database and before anything else acts on
// it: every answer that is given from then on has been asked for after the commit. The empty id is everybody.
func (c *Checker) Revoked(userID string) {
	if c.cache == nil {
		return
	}
	if userID != "" {
		c.cache.generation(userID).Add(1)
		return
	}
	for i := range c.cache.generations {
		c.cache.generations[i].Add(1)
	}
}

func (c *cache) generation(user string) *atomic.Uint64 {
	return &c.generations[maphash.String(c.seed, user)%uint64(len(c.generations))]
}

// remembers says whether the answer is known, a yes.
func (c *Checker) remembers(q question) bool {
	known := c.cache.has(key{q.kind.Name, q.resource, q.user}, c.cache.generation(q.user).Load(), c.now())
	if known {
		c.cache.metrics.remembered(true)
	}
	return known
}

// recall is ask with a memory. Equal questions are put to the database once, but an answer
// from before the request cannot refuse it: access may have been granted since.
func (c *Checker) recall(caller context.Context, q question) (bool, error) {
	generation := c.cache.generation(q.user).Load()
	k := key{q.kind.Name, q.resource, q.user}
	if c.cache.has(k, generation, c.now()) {
		c.cache.metrics.remembered(true)
		return true, nil
	}
	ctx, cancel := context.WithTimeout(caller, c.wait+c.timeout)
	defer cancel()
	answer, own, err := c.share(ctx, q, k, generation)
	if !own && !answer {
		// Whichever question this one joins was put behind the first, and so behind its own beginning.
		answer, own, err = c.share(ctx, q, k, generation)
	}
	c.cache.metrics.remembered(!own && err == nil)
	return answer, err
}

// share puts the question to the database, which makes it the caller's own, or waits with somebody else whose question is the same.
func (c *Checker) share(ctx context.Context, q question, k key, generation uint64) (answer, own bool, err error) {
	asked := false // read behind the channel only
	flight := c.cache.flights.DoChan(k.flight(generation), func() (any, error) {
		asked = true
		until := c.now().Add(c.cache.ttl) // as old as the snapshot that it was read from, at least
		// It outlives the caller that has put it, for others may wait for it by now, but not its time-out.
		answer, err := c.ask(context.WithoutCancel(ctx), q)
		if answer {
			c.cache.add(k, memory{generation, until})
		}
		return answer, err
	})
	select {
	case result := <-flight:
		answer, _ = result.Val.(bool)
		return answer, asked, result.Err
	case <-ctx.Done():
		return false, false, ErrUndecided
	}
}

func (k key) flight(generation uint64) string {
	return strconv.FormatUint(generation, 10) + " " + k.kind + " " + k.resource.String() + " " + k.user
}

func (c *cache) has(k key, generation uint64, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.allowed[k]
	return ok && m.generation == generation && now.Before(m.until)
}

func (c *cache) add(k key, m memory) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.allowed) >= c.most {
		clear(c.allowed) // most of it has expired; what has not costs one question
	}
	c.allowed[k] = m
}
