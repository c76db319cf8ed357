package signalr

import (
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// Seeking answers requests as a refresh does: "here" by the server that has the connection, else "nowhere".
func (s *Server) Seeking(hub *Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := door.Query(r, "id")
		t, ok := s.tickets.Check(r.Context(), hub.name, "", id)
		w.Header().Set("X-Asked", s.cfg.Node)
		user, err := s.cfg.Authenticate(r)
		switch {
		case !ok || err != nil:
			door.WriteText(w, http.StatusBadRequest, "")
		case !s.seek(w, r, hub, user, t, func(w http.ResponseWriter) { door.WriteText(w, http.StatusNotFound, "nowhere") }):
			w.Header().Set("X-Here", s.cfg.Node)
			door.WriteText(w, http.StatusOK, "here")
		}
	})
}
