package signalr

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// Server serves hubs to clients. Create it with [New], mount its [Server.Handler]s, and run it with [Server.Run].
type Server struct {
	host

	tickets *door.Tickets
	passing door.Passing
	proxies door.Proxies // that are trusted
	origins door.Origins // that may connect

	openings *door.Allowances // of new connections, by address
	hinted   atomic.Int64
}

// New returns a server that serves nothing yet. Its error says which settings are wrong.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("configuring SignalR: %w", err)
	}
	return &Server{
		host: newHost(cfg),

		tickets:  door.NewTickets(cfg.Sealer, cfg.Node, cfg.HandshakeTimeout, cfg.Now),
		proxies:  cfg.Proxies(),
		origins:  door.NewOrigins(cfg.AllowedOrigins),
		openings: door.NewAllowances(door.NewRate(cfg.NegotiationRate, cfg.NegotiationBurst)),
	}, nil
}

// Connections returns how many connections of the hub have shaken hands and have not ended.
func (s *Server) Connections(hub string) int { return s.registry.count(hub) }

// ClientAddress returns the address of r's client, as the limits count it: as the trusted proxies in between state
// it. It is invalid where the HTTP server does not know its peer.
func (s *Server) ClientAddress(r *http.Request) netip.Addr { return s.proxies.Client(r) }

// FromTrusted says whether r comes from a trusted proxy, whose statement about its client counts.
func (s *Server) FromTrusted(r *http.Request) bool { return s.proxies.Sent(r) }

// AllowsOrigin says whether pages of another origin may connect. Handlers beside the hubs use it to admit the same
// origins.
func (s *Server) AllowsOrigin(origin string) bool { return s.origins.Allow(origin) }
