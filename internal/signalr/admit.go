package signalr

import (
	"net/http"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// opens says whether r opens a connection: it negotiates one, or it is a WebSocket that was not negotiated. All other
// requests belong to a connection that has been counted already.
func opens(r *http.Request) bool {
	if door.IsNegotiation(r) {
		return true
	}
	id, _ := door.Query(r, "id")
	return id == "" && transport.IsWebSocketRequest(r)
}

// mayOpen refuses a request for a new connection while the server shuts down, or where the address opens too many. It
// stands before authentication, which costs more than all the rest of such a request.
func (s *Server) mayOpen(w http.ResponseWriter, r *http.Request, hub *Hub) bool {
	if s.registry.isClosed() {
		s.refuse(w, r, hub, door.ServerStopping, retryStopping)
		return false
	}
	if wait := s.openings.Take(door.Site(s.proxies.Client(r)), int64(time.Since(s.epoch))); wait > 0 {
		s.refuse(w, r, hub, door.NegotiatingTooFast, wait)
		return false
	}
	return true
}

// newConn returns a connection of user's, still to be admitted and opened.
func (s *Server) newConn(r *http.Request, hub *Hub, user User) *Conn {
	address := s.proxies.Client(r)
	return &Conn{host: &s.host, hub: hub, identity: identity{address: address, seat: door.NewSeat(user.ID(), address)}}
}

// hasRoom refuses a negotiation whose connection would be refused: the client learns it at once.
func (s *Server) hasRoom(w http.ResponseWriter, r *http.Request, hub *Hub, user User) bool {
	if why := s.registry.full(&s.newConn(r, hub, user).seat); why != "" {
		s.refuse(w, r, hub, why, retryFull)
		return false
	}
	return true
}

// admit takes the connection's seat and its token, if it has one, or answers with the reason. An admitted connection
// must be opened or released: [Conn.open] does one of the two.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, c *Conn) bool {
	outcome, why := s.registry.claim(c)
	if outcome != claimed {
		s.turnAway(w, r, c, outcome, why)
	}
	return outcome == claimed
}

// turnAway answers a request whose claim has failed.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, c *Conn, outcome claim, why door.Refusal) {
	switch outcome {
	case claimed:
	case alreadyActive:
		door.WriteText(w, http.StatusConflict, "")
	case alreadySpent:
		s.unknownID(w, r, c.hub, unknownEnded)
	case shuttingDown:
		s.refuse(w, r, c.hub, door.ServerStopping, retryStopping)
	case noRoom:
		s.refuse(w, r, c.hub, why, retryFull)
	}
}
