package signalr

import (
	"net/http"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

func (s *Server) negotiate(w http.ResponseWriter, r *http.Request, hub *Hub, user User) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		door.WriteText(w, http.StatusMethodNotAllowed, "")
		return
	}
	version, text := door.NegotiateVersion(r)
	if text != "" {
		door.WriteJSON(w, door.NegotiationError{Error: text})
		return
	}
	stateful := !s.cfg.NoStatefulReconnect && door.WantsStatefulReconnect(r)
	token, id := s.tickets.Issue(hub.name, user.ID(), stateful)
	response := door.Negotiation{
		Version:         version,
		ConnectionID:    id,
		ConnectionToken: token,
		Transports:      s.cfg.Transports.available(),
		Stateful:        stateful,
	}
	if version == 0 {
		response.ConnectionID, response.ConnectionToken = token, ""
	} else {
		response.Lifetime = door.Lifetime(user.ExpiresAt(), time.Now())
	}
	door.WriteJSON(w, response)
}
