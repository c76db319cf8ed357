package adminapi

import (
	"net/http"
	"strings"
)

const (
	corsMethods = "GET, HEAD, POST, DELETE"
	corsHeaders = "authorization, content-type, idempotency-key"
	corsExposed = "Allow, Retry-After, WWW-Authenticate"
	corsMaxAge  = "7200" // seconds; the longest that Chromium honours
)

// cors lets pages of the origins that are allowed read every answer, whatever it is, and answers what their browsers ask before.
//
// Other origins' pages get no such headers. Their requests are served like any other: a browser does not show them the answer, and
// sends nothing of its own accord that the API would take for permission, a token least of all.
func (a *API) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origins := r.Header.Values("Origin")
		if len(origins) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
		allowed := len(origins) == 1 && a.cfg.AllowsOrigin(origins[0])
		if allowed {
			h.Set("Access-Control-Allow-Origin", origins[0]) // as the browser writes it: it compares the text
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Expose-Headers", corsExposed)
		}
		switch {
		case !preflight:
			next.ServeHTTP(w, r)
		case allowed:
			allowPreflight(h, r)
			w.WriteHeader(http.StatusNoContent)
		default:
			a.writeProblem(w, r, newProblem(http.StatusForbidden, "Pages of this origin may not use the API."))
		}
	})
}

// allowPreflight allows every method and header that means something here, and the headers that the page sends in addition: they
// may mean something to what stands in between.
func allowPreflight(h http.Header, r *http.Request) {
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	headers := corsHeaders
	if asked := strings.Join(r.Header.Values("Access-Control-Request-Headers"), ", "); asked != "" {
		headers += ", " + asked
	}
	h.Set("Access-Control-Allow-Headers", headers)
}
