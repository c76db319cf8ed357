package app

import (
	"net/http"
	"sync/atomic"
)

// gate answers with 503 until what is behind it is there.
type gate struct{ behind atomic.Pointer[http.ServeMux] }

// open lets requests through from now on.
func (g *gate) open(behind *http.ServeMux) { g.behind.Store(behind) }

// ServeHTTP implements http.Handler. Why nothing is served is told by /readyz, not to everybody.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if behind := g.behind.Load(); behind != nil {
		behind.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Retry-After", "1")
	writeStatus(w, http.StatusServiceUnavailable, "not ready", "the server is starting")
}
