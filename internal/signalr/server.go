package signalr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// Server serves hubs to clients. Create it with [New], mount its [Server.Handler]s, and run it with [Server.Run].
type Server struct {
	cfg      Config
	epoch    time.Time // what the connections' clocks count from
	tokens   *tokens
	registry *registry
	buffers  buffers

	// By their slot, with the frames that are the same for every connection.
	protocols [protocolCount]protocol
	greetings [protocolCount]*frame
	pings     [protocolCount]*frame
}

// New returns a server that serves nothing yet. Its error says which settings are wrong.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("configuring SignalR: %w", err)
	}
	s := &Server{
		cfg:      cfg,
		epoch:    time.Now().Add(-1), // no clock reads 0, which means never
		tokens:   newTokens(cfg.HandshakeTimeout),
		registry: newRegistry(),
		buffers:  buffers{largest: max(cfg.MaximumMessageSize, maxRun) + growth},
	}
	for _, p := range []protocol{jsonProtocol{}, &messagePackProtocol{}} {
		greeting, ping := greetingFrame(p), newFrame(p, p.appendPing)
		s.protocols[p.slot()], s.greetings[p.slot()], s.pings[p.slot()] = p, &greeting, &ping
	}
	return s, nil
}

// Handler serves hub at the path that it is mounted at, and at that path + "/negotiate": mount it at both.
func (s *Server) Handler(hub *Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			limitBody(w)
		}
		if !s.allowOrigin(w, r) {
			return
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		user, ok := s.authenticate(w, r)
		if !ok {
			return
		}
		negotiates := strings.HasSuffix(r.URL.Path, "/negotiate")
		if s.registry.isClosed() && (negotiates || !s.serves(r, hub)) {
			writeShuttingDown(w)
			return
		}
		if negotiates {
			s.negotiate(w, r, hub)
			return
		}
		s.connect(w, r, hub, user)
	})
}

// authenticate answers a request that is nobody's, or somebody's who may not connect.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) (User, bool) {
	user, err := s.cfg.Authenticate(r)
	switch {
	case err == nil && user != nil:
		return user, true
	case errors.Is(err, ErrForbidden):
		w.WriteHeader(http.StatusForbidden)
	default:
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
	}
	return nil, false
}

// Connections returns how many clients of the hub have shaken hands and are not gone.
func (s *Server) Connections(hub string) int { return s.registry.count(hub) }

// Shutdown lets nobody in any more, sends every client what is queued for it and a Close message that asks it to reconnect,
// and waits until all are gone. Where ctx ends first it cuts the rest off and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, c := range s.registry.close() {
		c.end(ending{
			reason: ServerShuttingDown,
			last:   c.lastWords("", true, int(ws.StatusNormalClosure)),
			grace:  flushTimeout,
		})
	}
	select {
	case <-s.registry.gone:
		return nil
	case <-ctx.Done():
	}
	for _, c := range s.registry.close() {
		c.cutOff()
	}
	select {
	case <-s.registry.gone:
	case <-time.After(cutOffTimeout): // a hub method does not heed its context
	}
	return fmt.Errorf("shutting down SignalR: %w", context.Cause(ctx))
}
