package signalr

import (
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// host is what a server's connections have in common: they know it and nothing else of the server.
type host struct {
	cfg       Config
	epoch     time.Time // what the connections' clocks count from
	registry  *registry
	buffers   *transport.Buffers
	replacing *replacing

	messages        rate // of one connection
	invocations     rate // of one connection
	userInvocations rate // of one user

	// By their slot, with the frames that are the same for every connection.
	protocols [protocolCount]protocol
	greetings [protocolCount]*wire.Frame
	pings     [protocolCount]*wire.Frame
}

func newHost(cfg Config) host {
	h := host{
		cfg:       cfg,
		epoch:     time.Now().Add(-1), // no clock reads 0, which means never
		registry:  newRegistry(newOccupancy(cfg.MaxConnections, cfg.MaxConnectionsPerUser, cfg.MaxConnectionsPerAddress)),
		buffers:   transport.NewBuffers(cfg.MaximumMessageSize),
		replacing: &replacing{},

		messages:        newRate(cfg.MessageRate, cfg.MessageBurst),
		invocations:     newRate(cfg.InvocationRate, cfg.InvocationBurst),
		userInvocations: newRate(cfg.UserInvocationRate, cfg.UserInvocationBurst),
	}
	names, _ := cfg.names() // they are checked
	for _, p := range []protocol{jsonProtocol{}, newMessagePack(names)} {
		greeting, ping := greetingFrame(p), pingFrame(p)
		h.protocols[p.slot()], h.greetings[p.slot()], h.pings[p.slot()] = p, &greeting, &ping
	}
	return h
}

// protocolNamed finds the protocol that a handshake asks for; like .NET it ignores the name's case.
func (h *host) protocolNamed(name string) (protocol, bool) {
	for _, p := range h.protocols {
		if strings.EqualFold(name, p.name()) {
			return p, true
		}
	}
	return nil, false
}
