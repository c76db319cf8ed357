package signalr

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// What @microsoft/signalr sends in requests to another origin.
const (
	corsHeaders = "authorization, cache-control, content-type, x-requested-with, x-signalr-user-agent"
	corsMethods = "GET, POST, DELETE, OPTIONS"
	corsMaxAge  = "7200" // seconds; the longest that Chromium honours
)

// allowOrigin answers requests of pages that may not connect with 403, and sets the CORS headers for the others. Browsers
// hold WebSockets to no such headers, which is why the request itself is refused: a page of another site could otherwise
// connect with the user's cookies or token.
func (s *Server) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if !slices.ContainsFunc(s.cfg.AllowedOrigins, func(allowed string) bool { return strings.EqualFold(allowed, origin) }) {
		if sameOrigin(origin, r.Host) {
			return true
		}
		writeText(w, http.StatusForbidden, "Origin is not allowed")
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsMaxAge)
	}
	return true
}

// sameOrigin leaves the scheme out: behind a proxy that ends TLS the server does not know its own.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
