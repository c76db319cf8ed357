package app

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	readHeaderTimeout = 10 * time.Second
	maxHeaderBytes    = 32 << 10
	// answerTimeout is how long an answer may take to be written. A handler that takes longer, or waits, sets its own
	// limit.
	answerTimeout = 30 * time.Second
	// bodyTimeout is how long a body may take to arrive. drainTimeout is how long the rest of a body may take once the
	// request has been answered.
	bodyTimeout  = 10 * time.Second
	drainTimeout = time.Second
)

// newHTTPServer returns a server that a slow client cannot hold for ever: the time for the first header bounds its
// TLS handshake too, bodyTimeout bounds slow sending, and answerTimeout bounds slow reading. The door bounds how
// long a socket waits for its next request.
func newHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler: boundAnswers(boundBodies(handler)), ReadHeaderTimeout: readHeaderTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// boundAnswers bounds the writing of each answer anew: a deadline that an earlier request of the connection has set
// is gone. A write time-out of the server would apply to all answers: a WebSocket is written for hours, an event
// stream and a poll wait. Those bound their writes themselves.
func boundAnswers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// every connection of this server supports it
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
		next.ServeHTTP(w, r)
	})
}

// boundBodies bounds the reading of bodies. net/http also waits for a body that the handler does not read, before
// it writes an answer. A read time-out for all requests would end answers that last for hours: net/http reads on
// meanwhile, to see the client leave. The hubs lift the bound from the requests that they read.
func boundBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		controller := http.NewResponseController(w)
		_ = controller.SetReadDeadline(time.Now().Add(bodyTimeout)) // every connection of this server supports it
		next.ServeHTTP(w, r)
		_ = controller.SetReadDeadline(time.Now().Add(drainTimeout))
	})
}

// buildServers builds the servers: health, readiness and metrics answer from the first moment on, hubs and API from
// when their gate opens.
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
