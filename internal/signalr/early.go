package signalr

import (
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// maxEarly is how many tokens may be posted to before a connection uses them. .NET takes such requests, and no client
// sends them. So they get no more memory than the few kilobytes that each may hold.
const maxEarly = 1024

// inbox returns the inbox for the ticket's POSTs, and its connection where it has one. A connection without an inbox
// is a WebSocket. limit bounds the inboxes without a connection. Where ok is false, inbox has answered.
func (s *Server) inbox(
	w http.ResponseWriter, r *http.Request, hub *Hub, t door.Ticket, limit int,
) (box *transport.Inbox, active *Conn, ok bool) {
	box, active, full := s.registry.inbox(t, limit, func() *transport.Inbox {
		return transport.NewInbox(t.Expires, s.buffers)
	})
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
