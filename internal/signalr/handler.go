package signalr

import (
	"errors"
	"net/http"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// Handler serves hub at the path that it is mounted at, and at that path + "/negotiate" and + "/refresh": mount it at
// all three.
func (s *Server) Handler(hub *Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			// The HTTP server's own deadline may be too short for a POST's body.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
			defer door.LimitBody(w)
		}
		if !s.origins.Admit(w.Header(), r) {
			s.refuse(w, r, hub, door.OriginNotAllowed, 0)
			return
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if door.IsRefresh(r) {
			s.refresh(w, r, hub)
			return
		}
		if opens(r) && !s.mayOpen(w, r, hub) {
			return
		}
		user, ok := s.authenticate(w, r, hub)
		if !ok {
			return
		}
		if !door.IsNegotiation(r) {
			s.connect(w, r, hub, user)
			return
		}
		if s.hasRoom(w, r, hub, user) {
			s.negotiate(w, r, hub, user)
		}
	})
}

// authenticate returns the request's user. It answers where there is none, or where the user may not connect.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request, hub *Hub) (User, bool) {
	user, err := s.cfg.Authenticate(r)
	switch {
	case err == nil && user != nil:
		return user, true
	case errors.Is(err, ErrForbidden):
		s.refuse(w, r, hub, door.NotPermitted, 0)
	default:
		w.Header().Set("WWW-Authenticate", door.Challenge(err))
		s.refuse(w, r, hub, door.NotAuthenticated, 0)
	}
	return nil, false
}

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
