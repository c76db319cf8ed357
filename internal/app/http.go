package app

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	readHeaderTimeout = 10 * time.Second
	maxHeaderBytes    = 32 << 10
	// answerTimeout is how long an answer may take to be written. What takes longer, or waits, sets its own.
	answerTimeout = 30 * time.Second
	// bodyTimeout is how long a body may take to arrive, drainTimeout what is left of it once the request has been answered.
	bodyTimeout  = 10 * time.Second
	drainTimeout = time.Second
)

// newHTTPServer returns a server that a slow client cannot hold for ever: not before its TLS handshake, which the time for the first header
// bounds, nor by what it sends slowly, nor by what it does not read. How long a socket waits for its next request is the door's.
func newHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler: boundAnswers(boundBodies(handler)), ReadHeaderTimeout: readHeaderTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// boundAnswers bounds the writing of answers, of each request anew: what an earlier one of the connection has set is gone. A write time-out of the server would be for all: a WebSocket is written for hours, an event stream
// and a poll wait; they bound their writes themselves.
func boundAnswers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // which every connection of this server takes
		next.ServeHTTP(w, r)
	})
}

// boundBodies bounds the reading of bodies. net/http waits for one that nobody reads, too, before it writes an answer. A read time-out
// for all requests would end those that are answered for hours: net/http reads on meanwhile, to see the client leave. The hubs
// lift the bound from what they read.
func boundBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		controller := http.NewResponseController(w)
		_ = controller.SetReadDeadline(time.Now().Add(bodyTimeout)) // which every connection of this server takes
		next.ServeHTTP(w, r)
		_ = controller.SetReadDeadline(time.Now().Add(drainTimeout))
	})
}

// buildServers builds the servers: health, readiness and metrics answer from the first moment on, hubs and API when their gate opens.
func (a *App) buildServers() {
	ops := http.NewServeMux()
	a.mountOps(ops)
	public := http.Handler(&a.gate)
	if a.cfg.Server.NodeListen == "" {
		public = a.withEntrance(public)
	} else {
		a.forNodes = newHTTPServer(a.withEntrance(http.NotFoundHandler()), a.logger)
	}
	if a.cfg.Server.OpsListen == "" {
		a.main = newHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/healthz", "/readyz", "/metrics":
				ops.ServeHTTP(w, r)
			default:
				public.ServeHTTP(w, r)
			}
		}), a.logger)
		return
	}
	a.main, a.ops = newHTTPServer(public, a.logger), newHTTPServer(ops, a.logger)
}
