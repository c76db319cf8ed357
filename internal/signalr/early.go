package signalr

import (
	"net/http"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// maxEarly is how many tokens may be posted to before a connection uses them. .NET takes such requests; no client sends
// them, so the few kilobytes that each may hold are all that they get.
const maxEarly = 1024

// inbox returns where the ticket's requests post, and its connection where it has one: without an inbox that is a WebSocket.
// The limit is on those without a connection. It has answered where ok is false.
func (s *Server) inbox(w http.ResponseWriter, r *http.Request, hub *Hub, t door.Ticket, limit int) (box *transport.Inbox, active *Conn, ok bool) {
	box, active, full := s.registry.inbox(t, limit, func() *transport.Inbox { return transport.NewInbox(t.Expires, s.buffers) })
	switch {
	case full:
		w.Header().Set("Retry-After", "1")
		door.WriteText(w, http.StatusServiceUnavailable, "")
		return nil, nil, false
	case active == nil && box == nil && s.registry.isClosed():
		s.refuse(w, r, hub, door.ServerStopping, retryStopping)
		return nil, nil, false
	case active == nil && box == nil:
		s.unknownID(w, r, hub, unknownEnded)
		return nil, nil, false
	}
	return box, active, true
}

func (r *registry) inbox(t door.Ticket, limit int, create func() *transport.Inbox) (box *transport.Inbox, active *Conn, full bool) {
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

// abandon lets go of the inbox of a token that no connection came for, because it was turned away.
func (r *registry) abandon(t door.Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if box := r.early[t]; box != nil {
		delete(r.early, t)
		box.Interrupt()
	}
}

// dismiss lets go of the inboxes that no connection came for. The lock is held.
func (r *registry) dismiss(now int64) {
	for t, box := range r.early {
		if box.Expires <= now {
			delete(r.early, t)
			box.Interrupt()
		}
	}
}
