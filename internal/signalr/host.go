package signalr

import (
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// host is what a server's connections share, and all that they know of the server.
type host struct {
	cfg       Config
	epoch     time.Time // what the connections' clocks count from
	registry  *registry
	buffers   *transport.Buffers
	replacing *replacing

	messages        door.Rate // of one connection
	invocations     door.Rate // of one connection
	userInvocations door.Rate // of one user

	// By protocol slot, with the frames that are the same for every connection.
	protocols [wire.ProtocolCount]wire.Protocol
	greetings [wire.ProtocolCount]*wire.Frame
	pings     [wire.ProtocolCount]*wire.Frame
}

func newHost(cfg Config) host {
	h := host{
		cfg:   cfg,
		epoch: time.Now().Add(-1), // no clock reads 0, which means never
		registry: newRegistry(door.NewOccupancy(cfg.MaxConnections, cfg.MaxConnectionsPerUser,
			cfg.MaxConnectionsPerAddress)),
		buffers:   transport.NewBuffers(cfg.MaximumMessageSize),
		replacing: &replacing{},

		messages:        door.NewRate(cfg.MessageRate, cfg.MessageBurst),
		invocations:     door.NewRate(cfg.InvocationRate, cfg.InvocationBurst),
		userInvocations: door.NewRate(cfg.UserInvocationRate, cfg.UserInvocationBurst),
	}
	names, _ := cfg.names() // Config.validate has checked them
	for _, p := range []wire.Protocol{wire.JSON{}, wire.NewMessagePack(names)} {
		greeting, ping := wire.GreetingFrame(p), wire.PingFrame(p)
		h.protocols[p.Slot()], h.greetings[p.Slot()], h.pings[p.Slot()] = p, &greeting, &ping
	}
	return h
}

// protocolNamed finds the protocol that a handshake asks for; like .NET it ignores the name's case.
func (h *host) protocolNamed(name string) (wire.Protocol, bool) {
	for _, p := range h.protocols {
		if strings.EqualFold(name, p.Name()) {
			return p, true
		}
	}
	return nil, false
}
