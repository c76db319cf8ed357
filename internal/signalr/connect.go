package signalr

import (
	"log/slog"
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// connectWebSocket makes the request a connection: that of the ticket, or, with the zero ticket, a new one.
func (s *Server) connectWebSocket(w http.ResponseWriter, r *http.Request, hub *Hub, user User, t door.Ticket) {
	c := s.newConn(r, hub, user)
	if t.Token != (door.Token{}) {
		if old := s.registry.find(t.Token); old != nil && old.resumable() {
			s.resumeWebSocket(w, r, old, user)
			return
		}
		c.ticket, c.id = t, t.Token.ID()
	} else {
		c.id = door.NewID()
	}
	if !s.admit(w, r, c) {
		return
	}
	socket := s.upgrade(w, r, c)
	if socket == nil {
		s.registry.release(c)
		return
	}
	c.transport = socket
	c.open(user)
}

// resumeWebSocket gives a connection with stateful reconnect the request's WebSocket. It replaces one that was cut,
// or that the client gave up before the server noticed.
func (s *Server) resumeWebSocket(w http.ResponseWriter, r *http.Request, c *Conn, user User) {
	if user.ID() != c.User().ID() {
		door.WriteOthers(w)
		return
	}
	if !s.mayOpen(w, r, c.hub) {
		return
	}
	t := s.upgrade(w, r, c)
	if t == nil {
		return
	}
	if !c.resume(t) {
		t.Close() // the connection has just ended; the client negotiates anew
	}
}

// upgrade takes the socket from the HTTP server for c. Where it returns nil, it has answered.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, c *Conn) transport.Transport {
	var header http.Header
	if door.Forwarded(r.Context()) {
		header = w.Header() // tells the forwarding node that this node answers
	}
	t, err := transport.Upgrade(w, r, header, s.buffers, c.idle)
	if err != nil {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelDebug, "WebSocket request refused", slog.String("hub", c.hub.name),
			slog.Any("error", err))
		return nil
	}
	return t
}
