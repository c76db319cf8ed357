package signalr

import "net/netip"

// seat is what a connection takes of the limits: from before its transport is opened until it is gone.
type seat struct {
	user  string // counted for nobody where it is empty
	site  netip.Addr
	taken bool
}

// occupancy counts the seats that are taken. It remembers nothing of users and addresses that have none. The registry's lock
// guards it.
type occupancy struct {
	total, perUser, perAddress int // the limits; NoLimit: none

	seats int
	users map[string]int
	sites map[netip.Addr]int
}

func newOccupancy(cfg *Config) occupancy {
	return occupancy{
		total: cfg.MaxConnections, perUser: cfg.MaxConnectionsPerUser, perAddress: cfg.MaxConnectionsPerAddress,
		users: make(map[string]int), sites: make(map[netip.Addr]int),
	}
}

// full says which limit leaves no room for s; empty where none does.
func (o *occupancy) full(s *seat) Refusal {
	switch {
	case reached(o.seats, o.total):
		return ServerFull
	case s.user != "" && reached(o.users[s.user], o.perUser):
		return UserFull
	case reached(o.sites[s.site], o.perAddress):
		return AddressFull
	}
	return ""
}

func reached(count, limit int) bool { return limit >= 0 && count >= limit }

// take takes a seat that was found not to exceed any limit.
func (o *occupancy) take(s *seat) {
	if s.taken {
		return
	}
	s.taken = true
	o.seats++
	o.sites[s.site]++
	if s.user != "" {
		o.users[s.user]++
	}
}

// leave gives the seat back. It does nothing where that was done before.
func (o *occupancy) leave(s *seat) {
	if !s.taken {
		return
	}
	s.taken = false
	o.seats--
	discount(o.sites, s.site)
	if s.user != "" {
		discount(o.users, s.user)
	}
}

func discount[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}
