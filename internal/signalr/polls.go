package signalr

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// poll serves a GET request over long polling. The first one opens the connection and is answered at once: then the
// client knows that it may post.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, hub *Hub, user User) {
	transport.NeverStored(w.Header())
	t, ok := s.ticket(w, r, hub, user)
	if !ok {
		return
	}
	if !s.cfg.Transports.has(LongPolling) {
		door.WriteNotServed(w, transport.NameLongPolling)
		return
	}
	c, opened := s.attach(w, r, hub, t, user, func(c *Conn) {
		c.polls = transport.NewLongPolling(c.posts, s.cfg.PollTimeout, s.cfg.WriteTimeout, c.now)
		c.transport = c.polls
	})
	switch {
	case c == nil:
	case opened:
		if !c.enlist() {
			s.refuse(w, r, hub, door.ServerStopping, retryStopping)
			return
		}
		go c.serve()
		transport.WriteFirst(w)
	case c.polls == nil:
		door.WriteCannotChange(w)
	default:
		if controller, ok := s.unlimited(w, r, hub); ok {
			c.polls.Serve(w, r, controller)
		}
	}
}

// unlimited lifts the HTTP server's own write deadline, which is meant for responses that do not wait. A response
// that takes no deadlines could hold its connection for ever, so unlimited answers it with 500.
func (s *Server) unlimited(w http.ResponseWriter, r *http.Request, hub *Hub) (*http.ResponseController, bool) {
	if r.ContentLength != 0 {
		door.LimitBody(w)
	}
	controller := http.NewResponseController(w)
	if err := controller.SetWriteDeadline(time.Time{}); err != nil {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "response takes no deadlines: does a wrapper lack Unwrap?",
			slog.String("hub", hub.name), slog.Any("error", err))
		door.WriteText(w, http.StatusInternalServerError, "")
		return nil, false
	}
	return controller, true
}
