package signalr

import (
	"log/slog"
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// connectEvents serves an event stream. The request's own goroutine is the connection's reader.
func (s *Server) connectEvents(w http.ResponseWriter, r *http.Request, hub *Hub, user User) {
	t, ok := s.ticket(w, r, hub, user)
	if !ok {
		return
	}
	if !s.cfg.Transports.has(ServerSentEvents) {
		door.WriteNotServed(w, transport.NameServerSentEvents)
		return
	}
	if !r.ProtoAtLeast(1, 1) {
		door.WriteText(w, http.StatusHTTPVersionNotSupported, "ServerSentEvents transport needs HTTP/1.1")
		return
	}
	controller, ok := s.unlimited(w, r, hub)
	if !ok {
		return
	}
	var events *transport.ServerSentEvents
	c, opened := s.attach(w, r, hub, t, user, func(c *Conn) {
		events = transport.NewServerSentEvents(c.posts, w, controller, r.Context().Done())
		c.transport = events
	})
	switch {
	case c == nil:
	case opened:
		if err := events.Start(w.Header(), s.cfg.WriteTimeout); err != nil {
			s.cfg.Logger.LogAttrs(r.Context(), slog.LevelDebug, "event stream not begun", slog.String("hub", hub.name),
				slog.Any("error", err))
			s.abandon(c)
			return
		}
		if c.enlist() {
			c.serve()
		}
	case c.posts == nil || c.polls != nil:
		door.WriteCannotChange(w)
	default:
		door.WriteText(w, http.StatusConflict, "")
	}
}
