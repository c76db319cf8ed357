package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
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
func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: boundAnswers(boundBodies(handler)), ReadHeaderTimeout: readHeaderTimeout, MaxHeaderBytes: maxHeaderBytes}
}

// boundAnswers bounds the writing of answers. A write time-out of the server would be for all: a WebSocket is written for hours, an event stream
// and a poll wait; they bound their writes themselves.
func boundAnswers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // which every connection of this server takes
		next.ServeHTTP(w, r)
	})
}

// boundBodies bounds the reading of bodies, and lifts what an earlier request of the connection has set for writing. net/http waits for one that nobody reads, too, before it writes an answer. A read time-out
// for all requests would end those that are answered for hours: net/http reads on meanwhile, to see the client leave. The hubs
// lift the bound from what they read.
func boundBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		controller := http.NewResponseController(w)
		_ = controller.SetWriteDeadline(time.Time{})
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		_ = controller.SetReadDeadline(time.Now().Add(bodyTimeout)) // which every connection of this server takes
		next.ServeHTTP(w, r)
		_ = controller.SetReadDeadline(time.Now().Add(drainTimeout))
	})
}

// listen opens the sockets, so that a wrong address or certificate is told before anything has begun.
func (a *App) listen(ctx context.Context) error {
	s := a.cfg.Server
	var listen net.ListenConfig
	var err error
	if a.mainSocket, err = listen.Listen(ctx, "tcp", s.Listen); err != nil {
		return fmt.Errorf("listening on HERALD_LISTEN %q: %w", s.Listen, err)
	}
	if s.TLSCertFile != "" {
		certificate, err := tls.LoadX509KeyPair(s.TLSCertFile, s.TLSKeyFile)
		if err != nil {
			return fmt.Errorf("reading HERALD_TLS_CERT_FILE and HERALD_TLS_KEY_FILE: %w", err)
		}
		a.mainSocket = tls.NewListener(a.mainSocket, &tls.Config{
			Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"}, // a WebSocket takes the connection over, which HTTP/2 cannot give
		})
	}
	if a.ops != nil {
		if a.opsSock, err = listen.Listen(ctx, "tcp", s.OpsListen); err != nil {
			return fmt.Errorf("listening on HERALD_OPS_LISTEN %q: %w", s.OpsListen, err)
		}
	}
	return a.guard(ctx)
}
