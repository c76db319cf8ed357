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

// cors lets pages of the allowed origins read every answer, including errors, and answers their browsers'
// preflights.
//
// Pages of other origins get no such headers. Their requests are served like any other: the browser does not show
// them the answer, and never sends by itself what the API takes for permission, above all no token.
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

// allowPreflight allows every method and header that the API uses, and the additional headers that the page sends: a
// proxy in between may use them.
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
