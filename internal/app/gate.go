package app

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/yummyzoom/herald/internal/adminapi"
)

// gate answers with 503 until its handler is there.
type gate struct{ behind atomic.Pointer[http.Handler] }

// open lets requests through from now on.
func (g *gate) open(behind http.Handler) { g.behind.Store(&behind) }

// ServeHTTP implements http.Handler. The reason for a 503 is told by /readyz only, not to every client.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if behind := g.behind.Load(); behind != nil {
		(*behind).ServeHTTP(w, r)
		return
	}
	w.Header().Set("Retry-After", "1")
	path := strings.ToLower(strings.TrimSuffix(r.URL.Path, "/"))
	switch {
	case path == "/api/admin/realtime/health" && r.Method == http.MethodGet:
		unavailable(w, "application/json", map[string]any{ // in the API's format
			"status": "unhealthy", "service": "real-time", "timestamp": time.Now().UTC().Format(time.RFC3339Nano),
			"websocketEndpoint": adminapi.AdminHubPathDefault,
		})
	case strings.HasPrefix(path, "/api/"):
		unavailable(w, "application/problem+json", map[string]any{
			"type": "about:blank", "title": http.StatusText(http.StatusServiceUnavailable),
			"status": http.StatusServiceUnavailable,
			"detail": errStarting.Error(),
		})
	default:
		writeStatus(w, http.StatusServiceUnavailable, "not ready", errStarting.Error())
	}
}

func unavailable(w http.ResponseWriter, contentType string, answer map[string]any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}
