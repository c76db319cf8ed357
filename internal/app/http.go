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
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	// bodyTimeout is how long a body may take to arrive, drainTimeout what is left of it once the request has been answered.
	bodyTimeout  = 10 * time.Second
	drainTimeout = time.Second
)

// newHTTPServer returns a server that a slow client cannot hold for ever. There is no write time-out: a WebSocket is written for
// hours, and bounds its writes itself.
func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: boundBodies(handler), ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
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
	return nil
}
