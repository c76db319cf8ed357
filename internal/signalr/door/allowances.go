package door

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// A table of allowances has 4,096 × 4 places, 256 KiB.
const (
	allowanceSets = 4096
	allowanceWays = 4
)

// Allowances is a rate for each address, in a table that never grows. An address takes one of the four places that
// its hash allows. Where all are taken, it displaces the address that has the least to grow back. An address that has
// everything back need not be remembered, so at the default rate a place serves an occasional address for a hundredth
// of a second.
//
// A full table loses this: a flood from more addresses than there are places makes it forget the addresses that have
// spent little, which then have a whole burst again. The addresses that have spent the most are forgotten last. No
// address is ever refused because of what others do. The hash has a random seed, so that an attacker cannot choose
// addresses that share places.
type Allowances struct {
	rate Rate
	seed maphash.Seed

	mu   sync.Mutex // guards what follows
	sets *[allowanceSets][allowanceWays]allowance
}

type allowance struct {
	address uint64 // its hash: two addresses with the same one of 2^64 share an allowance
	full    int64  // when everything has grown back; 0: the place is free
}

// NewAllowances returns a table in which no address has spent anything.
func NewAllowances(r Rate) *Allowances {
	a := &Allowances{rate: r, seed: maphash.MakeSeed()}
	if r.interval > 0 {
		a.sets = new([allowanceSets][allowanceWays]allowance)
	}
	return a
}

// Take spends one of address's allowance at the time now, in nanoseconds of a clock that begins with 0. It returns 0,
// or how long until there is one to spend.
func (a *Allowances) Take(address netip.Addr, now int64) time.Duration {
	if a.sets == nil {
		return 0
	}
	hash := maphash.Comparable(a.seed, address)
	a.mu.Lock()
	defer a.mu.Unlock()
	set := &a.sets[hash%allowanceSets]
	place := &set[0]
	for i := range set {
		if set[i].address == hash {
			place = &set[i]
			break
		}
		if set[i].full < place.full {
			place = &set[i]
		}
	}
	if place.address != hash {
		*place = allowance{address: hash}
	}
	return a.rate.Take(&place.full, now)
}
