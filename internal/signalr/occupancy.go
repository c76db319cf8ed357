package signalr

import (
	"net/netip"
	"sync"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// seat is what a connection takes of the limits: from before its transport is opened until it is gone.
type seat struct {
	user    string // counted for nobody where it is empty
	site    netip.Addr
	account *account // its user's; nil: it is not taken
}

// newSeat returns a seat for a connection of the user's from that address.
func newSeat(user string, address netip.Addr) seat { return seat{user: user, site: door.Site(address)} }

// account is what the connections of one user have in common.
type account struct {
	seats int // the registry's lock guards it

	mu          sync.Mutex
	invocations int64 // when everything that they have spent together has grown back, see rate
}

// take spends one of what the connections may invoke together, and returns 0, or how long it takes until there is one to spend.
func (a *account) take(of rate, now int64) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return of.take(&a.invocations, now)
}

// reserve spends one in any case, and returns how long to wait for it.
func (a *account) reserve(of rate, now int64) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return of.reserve(&a.invocations, now)
}

// occupancy counts the seats that are taken. It remembers nothing of users and addresses that have none. The registry's lock
// guards it.
type occupancy struct {
	total, perUser, perAddress int // the limits; 0: none

	seats int
	users map[string]*account
	sites map[netip.Addr]int
}

func newOccupancy(total, perUser, perAddress int) occupancy {
	return occupancy{
		total: total, perUser: perUser, perAddress: perAddress,
		users: make(map[string]*account), sites: make(map[netip.Addr]int),
	}
}

// full says which limit leaves no room for s; empty where none does.
func (o *occupancy) full(s *seat) door.Refusal {
	switch {
	case reached(o.seats, o.total):
		return door.ServerFull
	case o.users[s.user] != nil && reached(o.users[s.user].seats, o.perUser):
		return door.UserFull
	case reached(o.sites[s.site], o.perAddress):
		return door.AddressFull
	}
	return ""
}

func reached(count, limit int) bool { return limit > 0 && count >= limit }

// take takes a seat that was found not to exceed any limit.
func (o *occupancy) take(s *seat) {
	if s.account != nil {
		return
	}
	o.seats++
	o.sites[s.site]++
	if s.account = o.users[s.user]; s.account == nil {
		s.account = &account{}
		if s.user != "" {
			o.users[s.user] = s.account
		}
	}
	s.account.seats++
}

// leave gives the seat back. It does nothing where that was done before.
func (o *occupancy) leave(s *seat) {
	if s.account == nil {
		return
	}
	o.seats--
	if o.sites[s.site]--; o.sites[s.site] == 0 {
		delete(o.sites, s.site)
	}
	if s.account.seats--; s.account.seats == 0 && s.user != "" {
		delete(o.users, s.user)
	}
	s.account = nil
}
