package signalr

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// connect serves the requests to the hub's own path, as HttpConnectionDispatcher.ExecuteAsync does.
func (s *Server) connect(w http.ResponseWriter, r *http.Request, hub *Hub, user User) {
	switch r.Method {
	case http.MethodGet:
		switch {
		case transport.AcceptsEvents(r):
			s.connectEvents(w, r, hub, user)
		case !transport.IsWebSocketRequest(r):
			s.poll(w, r, hub, user)
		default:
			if t, ok := s.mayUpgrade(w, r, hub, user); ok {
				s.connectWebSocket(w, r, hub, user, t)
			}
		}
	case http.MethodPost:
		s.post(w, r, hub, user)
	case http.MethodDelete:
		s.delete(w, r, hub, user)
	default:
		w.Header().Set("Allow", door.Methods)
		door.WriteText(w, http.StatusMethodNotAllowed, "")
	}
}

// Why a connection id is not known, for the log.
const (
	unknownTicket = "its connection token was not issued by a node of this database, or is older than their keys"
	unknownEnded  = "its connection has ended, or its token was not used in time"
	unknownNode   = "the node that its connection lives on is gone or cannot be reached"
)

// unknownID answers a request for a connection that is not here. Clients begin anew at that, so one line now and then is a restart, and many are a
// balancer that takes requests to nodes of another database.
func (s *Server) unknownID(w http.ResponseWriter, r *http.Request, hub *Hub, why string) {
	door.WriteUnknownID(w)
	s.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request for an unknown connection, the client begins anew",
		slog.String("hub", hub.name), slog.String("method", r.Method), slog.String("address", s.proxies.Client(r).String()), slog.String("reason", why))
}

// connectWebSocket makes the request a connection: of the ticket that negotiate gave out, or, with the zero one, a new one.
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

// resumeWebSocket gives a connection with stateful reconnect the request's WebSocket for the one that was cut, or that the
// client gave up before the server noticed.
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
		t.Close() // it has just ended; the client negotiates anew
	}
}

// upgrade takes the socket from the HTTP server for c. It has answered where it returns nil.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, c *Conn) transport.Transport {
	var header http.Header
	if door.Forwarded(r.Context()) {
		header = w.Header() // what tells the other node that it is this one that answers
	}
	t, err := transport.Upgrade(w, r, header, s.buffers, c.idle)
	if err != nil {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelDebug, "WebSocket request refused", slog.String("hub", c.hub.name), slog.Any("error", err))
		return nil
	}
	return t
}

// open starts the connection on a goroutine of its own, so that the HTTP server's memory for the request is freed.
func (c *Conn) open(user User) {
	c.prepare(user)
	if c.enlist() {
		go c.serve()
	}
}

// prepare makes the connection one that can be ended.
func (c *Conn) prepare(user User) {
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.drain = c.write
	c.opened = c.now()
	c.lastRead.Store(c.opened)
	c.lastWrite.Store(c.opened)
	c.SetUser(user)
}

// enlist makes the connection one of the server's: serve has to be called now. It returns false where the server is shutting
// down.
func (c *Conn) enlist() bool {
	if !c.server.registry.add(c) {
		c.cancel()
		c.transport.Close()
		return false
	}
	c.server.cfg.Metrics.of(c.hub).connections.Inc()
	return true
}
