package signalr

import (
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

// Connections returns how many clients of the hub have shaken hands and are not gone.
func (s *Server) Connections(hub string) int { return s.registry.count(hub) }

// ClientAddress returns who sends r, as the limits count it: by the word of the trusted proxies in between. It is invalid where the HTTP
// server does not know its peer.
func (s *Server) ClientAddress(r *http.Request) netip.Addr { return s.proxies.Client(r) }

// FromTrusted says whether r comes from a trusted proxy, whose word on its client counts.
func (s *Server) FromTrusted(r *http.Request) bool { return s.proxies.Sent(r) }

// AllowsOrigin says whether pages of another origin may connect, so that what is served beside the hubs can let in the same ones.
func (s *Server) AllowsOrigin(origin string) bool { return s.origins.Allow(origin) }
