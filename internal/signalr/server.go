package signalr

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Server serves hubs to clients. Create it with [New], mount its [Server.Handler]s, and run it with [Server.Run].
type Server struct {
	cfg       Config
	epoch     time.Time // what the connections' clocks count from
	tickets   *door.Tickets
	registry  *registry
	buffers   *transport.Buffers
	passing   door.Passing
	replacing replacing
	proxies   door.Proxies // that are trusted
	origins   door.Origins // that may connect

	openings        *allowances // of new connections, by address
	messages        rate        // of one connection
	invocations     rate        // of one connection
	userInvocations rate        // of one user
	hinted          atomic.Int64

	// By their slot, with the frames that are the same for every connection.
	protocols [protocolCount]protocol
	greetings [protocolCount]*wire.Frame
	pings     [protocolCount]*wire.Frame
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
		tickets:  door.NewTickets(cfg.Sealer, cfg.Node, cfg.HandshakeTimeout, cfg.Now),
		registry: newRegistry(newOccupancy(cfg.MaxConnections, cfg.MaxConnectionsPerUser, cfg.MaxConnectionsPerAddress)),
		buffers:  transport.NewBuffers(cfg.MaximumMessageSize),
		proxies:  cfg.Proxies(),
		origins:  door.NewOrigins(cfg.AllowedOrigins),

		openings:        newAllowances(newRate(cfg.NegotiationRate, cfg.NegotiationBurst)),
		messages:        newRate(cfg.MessageRate, cfg.MessageBurst),
		invocations:     newRate(cfg.InvocationRate, cfg.InvocationBurst),
		userInvocations: newRate(cfg.UserInvocationRate, cfg.UserInvocationBurst),
	}
	names, _ := cfg.names() // they are checked
	for _, p := range []protocol{jsonProtocol{}, &messagePackProtocol{names: names}} {
		greeting, ping := greetingFrame(p), pingFrame(p)
		s.protocols[p.slot()], s.greetings[p.slot()], s.pings[p.slot()] = p, &greeting, &ping
	}
	return s, nil
}

// Handler serves hub at the path that it is mounted at, and at that path + "/negotiate" and + "/refresh": mount it at all three.
func (s *Server) Handler(hub *Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the server's own may be too short for a body that is wanted
			defer door.LimitBody(w)
		}
		if !s.origins.Admit(w.Header(), r) {
			s.refuse(w, r, hub, door.OriginNotAllowed, 0)
			return
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if door.IsRefresh(r) {
			s.refresh(w, r, hub)
			return
		}
		if opens(r) && !s.mayOpen(w, r, hub) {
			return
		}
		user, ok := s.authenticate(w, r, hub)
		if !ok {
			return
		}
		if !door.IsNegotiation(r) {
			s.connect(w, r, hub, user)
			return
		}
		if s.hasRoom(w, r, hub, user) {
			s.negotiate(w, r, hub, user)
		}
	})
}

// authenticate answers a request that is nobody's, or somebody's who may not connect.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request, hub *Hub) (User, bool) {
	user, err := s.cfg.Authenticate(r)
	switch {
	case err == nil && user != nil:
		return user, true
	case errors.Is(err, ErrForbidden):
		s.refuse(w, r, hub, door.NotPermitted, 0)
	default:
		w.Header().Set("WWW-Authenticate", door.Challenge(err))
		s.refuse(w, r, hub, door.NotAuthenticated, 0)
	}
	return nil, false
}

// Connections returns how many clients of the hub have shaken hands and are not gone.
func (s *Server) Connections(hub string) int { return s.registry.count(hub) }

// ClientAddress returns who sends r, as the limits count it: by the word of the trusted proxies in between. It is invalid where the HTTP
// server does not know its peer.
func (s *Server) ClientAddress(r *http.Request) netip.Addr { return s.proxies.Client(r) }

// FromTrusted says whether r comes from a trusted proxy, whose word on its client counts.
func (s *Server) FromTrusted(r *http.Request) bool { return s.proxies.Sent(r) }

// AllowsOrigin says whether pages of another origin may connect, so that what is served beside the hubs can let in the same ones.
func (s *Server) AllowsOrigin(origin string) bool { return s.origins.Allow(origin) }
