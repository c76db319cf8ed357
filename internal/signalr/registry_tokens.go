package signalr

import (
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

func (r *registry) inbox(
	t door.Ticket, limit int, create func() *transport.Inbox,
) (box *transport.Inbox, active *Conn, full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.active[t.Token]; c != nil {
		return c.posts, c, false
	}
	if box := r.early[t.Token]; box != nil {
		return box, nil, false
	}
	if _, spent := r.spent[t.Token]; spent || r.closed {
		return nil, nil, false
	}
	if len(r.early) >= limit {
		return nil, nil, true
	}
	box = create()
	r.early[t.Token] = box
	return box, nil, false
}

// knows says whether a ticket is in use, or may still come into use.
func (r *registry) knows(t door.Ticket, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active[t.Token] != nil {
		return true
	}
	_, spent := r.spent[t.Token]
	return !spent && !t.Expired(now)
}

// takesPosts says whether a token is that of a half-transport.
func (r *registry) takesPosts(t door.Token) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.active[t]; c != nil {
		return c.posts != nil
	}
	return r.early[t] != nil
}

// abandon drops the inbox of a token whose connection was turned away.
func (r *registry) abandon(t door.Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if box := r.early[t]; box != nil {
		delete(r.early, t)
		box.Interrupt()
	}
}
