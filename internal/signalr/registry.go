package signalr

import (
	"math"
	"sync"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// registry knows every connection of a server, and every token that is in use or could be presented again.
type registry struct {
	mu     sync.Mutex
	closed bool
	open   []*Conn                         // in no order; Conn.index is the place
	counts map[string]int                  // connections that have shaken hands, by hub
	active map[door.Token]*Conn            // connections by their token
	early  map[door.Token]*transport.Inbox // tokens that requests post to before a connection uses them
	spent  map[door.Token]int64            // tokens of ended connections, until they expire (nanoseconds since 1970)
	seats  door.Occupancy
	gone   chan struct{} // closed when the registry is closed and empty
}

func newRegistry(seats door.Occupancy) *registry {
	return &registry{
		counts: make(map[string]int),
		active: make(map[door.Token]*Conn),
		early:  make(map[door.Token]*transport.Inbox),
		spent:  make(map[door.Token]int64),
		seats:  seats,
		gone:   make(chan struct{}),
	}
}

type claim int

const (
	claimed claim = iota
	alreadyActive
	alreadySpent
	shuttingDown
	noRoom
)

// claim takes the seat of c, which is about to be added, and its token, if it has one. Otherwise it says why not, and
// for noRoom which limit is reached.
func (r *registry) claim(c *Conn) (claim, door.Refusal) {
	t := c.ticket.Token
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return shuttingDown, ""
	}
	if r.active[t] != nil {
		return alreadyActive, ""
	}
	if _, ok := r.spent[t]; ok {
		return alreadySpent, ""
	}
	if early := r.early[t]; early != c.posts {
		if c.posts == nil {
			return alreadyActive, ""
		}
		return alreadySpent, "" // the inbox has expired meanwhile
	}
	if why := r.seats.Full(&c.seat); why != "" {
		return noRoom, why
	}
	r.seats.Take(&c.seat)
	if t != (door.Token{}) {
		delete(r.early, t)
		r.active[t] = c
	}
	return claimed, ""
}

// release gives back what c has claimed, where it could not be opened.
func (r *registry) release(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forfeit(c)
}

// forfeit gives back what c has claimed. The lock is held.
func (r *registry) forfeit(c *Conn) {
	delete(r.active, c.ticket.Token)
	r.seats.Leave(&c.seat)
}

// full returns the limit that leaves no room for s at present; empty where none does.
func (r *registry) full(s *door.Seat) door.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seats.Full(s)
}

// find returns the connection that uses t, nil where there is none.
func (r *registry) find(t door.Token) *Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active[t]
}

// spendInvocation spends one invocation of c's user and returns 0, or how long until there is one to spend.
func (r *registry) spendInvocation(c *Conn, of door.Rate, now int64) time.Duration {
	r.mu.Lock()
	a := c.seat.Account
	r.mu.Unlock()
	if a == nil {
		return 0 // the connection has just ended
	}
	return a.Take(of, now)
}

// add takes in a connection that has claimed its seat and token. Where the server is shutting down it gives both back
// and returns false.
func (r *registry) add(c *Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		r.forfeit(c)
		return false
	}
	c.index = len(r.open)
	r.open = append(r.open, c)
	return true
}

func (r *registry) connected(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[c.hub.name]++
}

func (r *registry) disconnected(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[c.hub.name]--
}

func (r *registry) count(hub string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[hub]
}

// remove drops a connection whose socket is closed.
func (r *registry) remove(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.open) - 1
	moved := r.open[last]
	r.open[c.index], moved.index = moved, c.index
	r.open[last] = nil
	r.open = r.open[:last]
	r.forfeit(c)
	if c.ticket.Token != (door.Token{}) {
		r.spent[c.ticket.Token] = c.ticket.Expires
	}
	if r.closed && last == 0 {
		close(r.gone)
	}
}

// close lets no more connections in, and returns the open ones.
func (r *registry) close() []*Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.dismiss(math.MaxInt64)
		if len(r.open) == 0 {
			close(r.gone)
		}
	}
	return append([]*Conn(nil), r.open...)
}

func (r *registry) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// chunk is how many connections each copies under one lock.
const chunk = 1024

// each calls f with every connection that is there from the beginning to the end, without delaying those that come
// and go. It walks the list from its end to its beginning. When a connection leaves, the last of the list moves to
// its place, which is nearer to the beginning. So a connection that moves meanwhile may be met twice, and none is
// left out.
func (r *registry) each(f func(*Conn)) {
	var some [chunk]*Conn
	r.mu.Lock()
	to := len(r.open)
	r.mu.Unlock()
	for to > 0 {
		r.mu.Lock()
		to = min(to, len(r.open))
		from := max(0, to-chunk)
		n := copy(some[:], r.open[from:to])
		r.mu.Unlock()
		for _, c := range some[:n] {
			f(c)
		}
		to = from
	}
}

// forget drops the spent tokens that have expired, which no request can present any more.
func (r *registry) forget(now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t, until := range r.spent {
		if until <= now {
			delete(r.spent, t)
		}
	}
	r.dismiss(now)
}

// dismiss drops the expired inboxes that no connection came for. The lock is held.
func (r *registry) dismiss(now int64) {
	for t, box := range r.early {
		if box.Expires <= now {
			delete(r.early, t)
			box.Interrupt()
		}
	}
}
