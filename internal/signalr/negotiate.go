package signalr

import (
	"net/http"
	"time"
)

func (s *Server) negotiate(w http.ResponseWriter, r *http.Request, hub *Hub, user User) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeText(w, http.StatusMethodNotAllowed, "")
		return
	}
	version, text := negotiateVersion(r)
	if text != "" {
		writeJSON(w, negotiationError{Error: text})
		return
	}
	stateful := !s.cfg.NoStatefulReconnect && wantsStatefulReconnect(r)
	token, id := s.tickets.issue(hub.name, user.ID(), stateful)
	response := negotiation{
		Version:         version,
		ConnectionID:    id,
		ConnectionToken: token,
		Transports:      s.cfg.Transports.available(),
		Stateful:        stateful,
	}
	if version == 0 {
		response.ConnectionID, response.ConnectionToken = token, ""
	} else {
		response.Lifetime = lifetime(user.ExpiresAt(), time.Now())
	}
	writeJSON(w, response)
}
