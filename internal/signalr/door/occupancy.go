package door

import (
	"net/netip"
	"sync"
	"time"
)

// Seat is what a connection takes of the limits, from before its transport is opened until it is gone.
type Seat struct {
	user    string // not counted where it is empty
	site    netip.Addr
	Account *account // its user's; nil: the seat is not taken
}

// NewSeat returns a seat for a connection of the user's from that address.
func NewSeat(user string, address netip.Addr) Seat { return Seat{user: user, site: Site(address)} }

// account is what the connections of one user share.
type account struct {
	seats int // the registry's lock guards it

	mu          sync.Mutex
	invocations int64 // when everything that they have spent has grown back, see Rate
}

// Take spends one invocation of the user's connections together and returns 0, or how long until there is one to
// spend.
func (a *account) Take(of Rate, now int64) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return of.Take(&a.invocations, now)
}

// Reserve always spends one, and returns how long to wait for it.
func (a *account) Reserve(of Rate, now int64) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return of.reserve(&a.invocations, now)
}

// Occupancy counts the taken seats. It remembers nothing of users and addresses without one. The registry's lock
// guards it.
type Occupancy struct {
	total, perUser, perAddress int // the limits; 0: none

	seats int
	users map[string]*account
	sites map[netip.Addr]int
}

// NewOccupancy returns an empty occupancy with these limits; 0: no limit.
func NewOccupancy(total, perUser, perAddress int) Occupancy {
	return Occupancy{
		total: total, perUser: perUser, perAddress: perAddress,
		users: make(map[string]*account), sites: make(map[netip.Addr]int),
	}
}

// Full returns the limit that leaves no room for s; empty where none does.
func (o *Occupancy) Full(s *Seat) Refusal {
	switch {
	case reached(o.seats, o.total):
		return ServerFull
	case o.users[s.user] != nil && reached(o.users[s.user].seats, o.perUser):
		return UserFull
	case reached(o.sites[s.site], o.perAddress):
		return AddressFull
	}
	return ""
}

func reached(count, limit int) bool { return limit > 0 && count >= limit }

// Take takes a seat that Full has let pass. It does nothing where that was done before.
func (o *Occupancy) Take(s *Seat) {
	if s.Account != nil {
		return
	}
	o.seats++
	o.sites[s.site]++
	if s.Account = o.users[s.user]; s.Account == nil {
		s.Account = &account{}
		if s.user != "" {
			o.users[s.user] = s.Account
		}
	}
	s.Account.seats++
}

// Leave gives the seat back. It does nothing where that was done before.
func (o *Occupancy) Leave(s *Seat) {
	if s.Account == nil {
		return
	}
	o.seats--
	if o.sites[s.site]--; o.sites[s.site] == 0 {
		delete(o.sites, s.site)
	}
	if s.Account.seats--; s.Account.seats == 0 && s.user != "" {
		delete(o.users, s.user)
	}
	s.Account = nil
}
