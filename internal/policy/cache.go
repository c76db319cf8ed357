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
// A revocation ends the generation of its user. An answer belongs to the generation that was read before its
// question was asked, and counts in that one only. So an answer under way during a revocation is never used
// afterwards, neither from memory nor by callers who share it.
type cache struct {
	ttl     time.Duration
	most    int
	metrics *Metrics

	seed        maphash.Seed
	generations [256]atomic.Uint64 // by the user's hash: users who share one only lose answers too early
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

// Revoked forgets what a user was allowed. Call it once the revocation can be read in the database and before
// anything else acts on it: every answer given from then on was asked for after the commit. The empty id means all
// users.
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

// remembers says whether a yes is remembered.
func (c *Checker) remembers(q question) bool {
	known := c.cache.has(key{q.kind.Name, q.resource, q.user}, c.cache.generation(q.user).Load(), c.now())
	if known {
		c.cache.metrics.remembered(true)
	}
	return known
}

// recall is ask with a memory. Equal questions are asked once, but an answer older than the request never refuses
// it: access may have been granted since.
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
		// The second question was asked after the first one ended, and so after this request began.
		answer, own, err = c.share(ctx, q, k, generation)
	}
	c.cache.metrics.remembered(!own && err == nil)
	return answer, err
}

// share asks the database, which makes the answer the caller's own, or waits for another caller's equal question.
func (c *Checker) share(ctx context.Context, q question, k key, generation uint64) (answer, own bool, err error) {
	asked := false // read only after the channel's answer
	flight := c.cache.flights.DoChan(k.flight(generation), func() (any, error) {
		asked = true
		until := c.now().Add(c.cache.ttl) // at least as old as the answer's snapshot
		// The question outlives its caller, because others may wait for it, but not its time-out.
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
		clear(c.allowed) // most entries have expired; a lost one costs one question
	}
	c.allowed[k] = m
}
