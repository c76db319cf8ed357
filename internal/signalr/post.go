package signalr

import (
	"errors"
	"io"
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// maxDiscarded bounds how much is read of a body whose connection has ended meanwhile: as much as net/http reads of a
// body that its handler has not read.
const maxDiscarded = 256 << 10

// post takes what the client of a half-transport sends, as HttpConnectionDispatcher.ProcessSend does. The answer says
// that the connection has the data, not what came of it.
func (s *Server) post(w http.ResponseWriter, r *http.Request, hub *Hub, user User) {
	t, ok := s.ticket(w, r, hub, user)
	if !ok {
		return
	}
	if !s.cfg.Transports.has(ServerSentEvents | LongPolling) {
		door.WritePostNotAllowed(w)
		return
	}
	box, active, ok := s.inbox(w, r, hub, t, maxEarly)
	if !ok {
		return
	}
	if box == nil {
		door.WritePostNotAllowed(w)
		return
	}
	if r.ContentLength > box.Largest {
		door.RefuseBody(w, r, http.StatusRequestEntityTooLarge)
		return
	}
	begun, err := box.Post(r.Context(), http.NewResponseController(w), r.Body)
	switch {
	case err == nil:
		door.WriteText(w, http.StatusOK, "")
	case errors.Is(err, ErrClosed) && begun && active != nil: // the connection's last message says what came of it
		door.LimitBody(w)
		if _, err := io.CopyN(io.Discard, r.Body, maxDiscarded); !errors.Is(err, io.EOF) {
			door.RefuseBody(w, r, http.StatusNotFound) // the body is too long, or does not end in time
			return
		}
		door.WriteText(w, http.StatusOK, "")
	case errors.Is(err, ErrClosed):
		door.RefuseBody(w, r, http.StatusNotFound)
	case errors.Is(err, wire.ErrTooLarge):
		door.RefuseBody(w, r, http.StatusRequestEntityTooLarge)
	case errors.Is(err, transport.ErrTooManyPosts):
		door.RefuseBody(w, r, http.StatusTooManyRequests)
	default:
		door.RefuseBody(w, r, http.StatusBadRequest)
	}
}

// delete ends a connection over long polling, as HttpConnectionDispatcher.ProcessDeleteAsync does: it is the client's
// goodbye.
func (s *Server) delete(w http.ResponseWriter, r *http.Request, hub *Hub, user User) {
	t, ok := s.ticket(w, r, hub, user)
	if !ok {
		return
	}
	c := s.registry.find(t.Token)
	if c == nil && !s.registry.knows(t, s.cfg.Now()) { // the connection has just ended
		s.unknownID(w, r, hub, unknownEnded)
		return
	}
	if c == nil || c.polls == nil {
		door.WriteText(w, http.StatusBadRequest, "Cannot terminate this connection using the DELETE endpoint.")
		return
	}
	c.end(ending{
		reason: ClosedByClient,
		drop:   true,
		parted: true,
		grace:  overflowGrace,
	})
	c.polls.Part()
	door.WriteText(w, http.StatusAccepted, "")
}
