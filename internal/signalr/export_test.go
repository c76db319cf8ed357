package signalr

import "net/http"

// Seeking answers requests as a refresh does: "here" by the server that has the connection, else "nowhere".
func (s *Server) Seeking(hub *Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := queryValue(r, "id")
		t, ok := s.tickets.check(r.Context(), hub.name, "", id)
		w.Header().Set("X-Asked", s.cfg.Node)
		user, err := s.cfg.Authenticate(r)
		switch {
		case !ok || err != nil:
			writeText(w, http.StatusBadRequest, "")
		case !s.seek(w, r, hub, user, t, func(w http.ResponseWriter) { writeText(w, http.StatusNotFound, "nowhere") }):
			w.Header().Set("X-Here", s.cfg.Node)
			writeText(w, http.StatusOK, "here")
		}
	})
}
