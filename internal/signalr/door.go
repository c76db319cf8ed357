package signalr

import (
	"context"
	"net/netip"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// Refusal says why a request was refused.
type Refusal = door.Refusal

// Why requests are refused, and with which status.
const (
	OriginNotAllowed   = door.OriginNotAllowed   // 403
	NotAuthenticated   = door.NotAuthenticated   // 401
	NotPermitted       = door.NotPermitted       // 403: [ErrForbidden]
	NegotiatingTooFast = door.NegotiatingTooFast // 429: Config.NegotiationRate
	AddressFull        = door.AddressFull        // 429: Config.MaxConnectionsPerAddress
	UserFull           = door.UserFull           // 429: Config.MaxConnectionsPerUser
	ServerFull         = door.ServerFull         // 503: Config.MaxConnections
	ServerStopping     = door.ServerStopping     // 503: another server, or this one's successor, may be up already
)

type (
	// Challenger is an error of Config.Authenticate that says how a client would have to authenticate: the value of
	// WWW-Authenticate.
	Challenger = door.Challenger
	// Sealer seals what clients carry from one server to another.
	Sealer = door.Sealer
	// Keys are those that a [Sealer] works with.
	Keys = door.Keys
)

// NewSealer returns a sealer with keys that several servers share: see [door.NewSealer].
func NewSealer(keys Keys) Sealer { return door.NewSealer(keys) }

// Site is what the limits for one address count by: the address, or an IPv6 address's site.
func Site(address netip.Addr) netip.Addr { return door.Site(address) }

// WithForwarded marks the context of a request that another node has handed on: see [door.WithForwarded].
func WithForwarded(ctx context.Context) context.Context { return door.WithForwarded(ctx) }

// Forwarded says whether the request with that context comes from another node.
func Forwarded(ctx context.Context) bool { return door.Forwarded(ctx) }
