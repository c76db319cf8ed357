package signalr

import (
	"math"
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// mayUpgrade returns the ticket of a WebSocket request, zero where it has none. It answers the request where
// WebSockets are not served, or where the ticket is another transport's, another user's, or for another node.
func (s *Server) mayUpgrade(w http.ResponseWriter, r *http.Request, hub *Hub, user User) (t door.Ticket, ok bool) {
	if id, _ := door.Query(r, "id"); id != "" {
		if t, ok = s.ticketOf(w, r, hub, user, true); !ok {
			return door.Ticket{}, false
		}
	}
	if !s.cfg.Transports.has(WebSockets) {
		door.WriteNotServed(w, transport.NameWebSockets)
		return door.Ticket{}, false
	}
	if t.Token != (door.Token{}) && s.registry.takesPosts(t.Token) {
		door.WriteCannotChange(w)
		return door.Ticket{}, false
	}
	return t, true
}

// ticket returns the request's ticket. It answers a request whose id is missing, unknown, or another user's, and one
// whose connection lives on another node. (.NET lets another user have it, and logs a warning.)
func (s *Server) ticket(w http.ResponseWriter, r *http.Request, hub *Hub, user User) (door.Ticket, bool) {
	return s.ticketOf(w, r, hub, user, false)
}

// ticketOf is ticket for a request that any node may take where anywhere is true, see livesHere.
func (s *Server) ticketOf(
	w http.ResponseWriter, r *http.Request, hub *Hub, user User, anywhere bool,
) (door.Ticket, bool) {
	id, _ := door.Query(r, "id")
	if id == "" {
		door.WriteText(w, http.StatusBadRequest, "Connection ID required")
		return door.Ticket{}, false
	}
	t, ok := s.tickets.Check(r.Context(), hub.name, user.ID(), id)
	if !ok {
		s.unknownID(w, r, hub, unknownTicket)
		return door.Ticket{}, false
	}
	if s.elsewhere(w, r, hub, user, t, anywhere, func(w http.ResponseWriter) { s.unknownID(w, r, hub, unknownNode) }) {
		return door.Ticket{}, false
	}
	if !s.registry.knows(t.Ticket, s.cfg.Now()) {
		s.unknownID(w, r, hub, unknownEnded)
		return door.Ticket{}, false
	}
	if !t.Own {
		door.WriteOthers(w)
		return door.Ticket{}, false
	}
	return t.Ticket, true
}

// attach finds the connection of a half-transport's GET request. Where the ticket has none yet, it makes one, with
// the transport that build gives it, and claims the ticket for it: opened is then true, and the caller enlists or
// abandons it. Where attach returns nil, it has answered.
func (s *Server) attach(
	w http.ResponseWriter, r *http.Request, hub *Hub, t door.Ticket, user User, build func(*Conn),
) (c *Conn, opened bool) {
	for {
		box, active, ok := s.inbox(w, r, hub, t, math.MaxInt)
		if !ok {
			return nil, false
		}
		if active != nil {
			return active, false
		}
		c = s.newConn(r, hub, user)
		c.ticket, c.id, c.posts = t, t.Token.ID(), box
		build(c)
		c.prepare(user) // from the claim on, other requests find it
		outcome, why := s.registry.claim(c)
		if outcome == claimed {
			return c, true
		}
		c.cancel()
		if outcome != alreadyActive { // else another request claimed it at the same time
			s.registry.abandon(t.Token)
			s.turnAway(w, r, c, outcome, why)
			return nil, false
		}
	}
}

// abandon gives up a connection that attach has made and that could not be opened.
func (s *Server) abandon(c *Conn) {
	s.registry.release(c)
	c.cancel()
	c.transport.Close()
}
