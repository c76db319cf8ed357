package signalr

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// Defaults of [Config]: those of ASP.NET Core where it has one.
const (
	DefaultKeepAliveInterval  = 15 * time.Second
	DefaultClientTimeout      = 30 * time.Second
	DefaultHandshakeTimeout   = 15 * time.Second
	DefaultWriteTimeout       = 30 * time.Second
	DefaultPollTimeout        = 90 * time.Second
	DefaultMaximumMessageSize = 32 << 10
	DefaultQueueBytes         = 1 << 20
	DefaultDisconnectTimeout  = 15 * time.Second
	DefaultReconnectBytes     = 1 << 20
	DefaultMaximumStreams     = 100
	DefaultShutdownSpread     = 5 * time.Second

	DefaultMaxConnections           = 20_000
	DefaultMaxConnectionsPerUser    = 100
	DefaultMaxConnectionsPerAddress = 1000
	DefaultNegotiationRate          = 100
	DefaultNegotiationBurst         = 1000
	DefaultInvocationRate           = 1000
	DefaultInvocationBurst          = 2000
	DefaultUserInvocationRate       = 2000
	DefaultUserInvocationBurst      = 4000
	DefaultMessageRate              = 10_000
	DefaultMessageBurst             = 20_000
)

// Config says how a [Server] behaves.
type Config struct {
	// KeepAliveInterval is how long nothing may have been written to a connection before it is sent a ping.
	// Defaults to 15 s.
	KeepAliveInterval time.Duration

	// ClientTimeout is how long nothing may have been read from a connection before it counts as gone.
	// Defaults to 30 s.
	ClientTimeout time.Duration

	// HandshakeTimeout is how long a connection may take to send its handshake, and how long the token that negotiate
	// gives out can be used.
	// Defaults to 15 s.
	HandshakeTimeout time.Duration

	// WriteTimeout is how long one write to a socket may take before the client counts as stuck.
	// Defaults to 30 s.
	WriteTimeout time.Duration

	// Transports are those that clients may use.
	// Defaults to [AllTransports].
	Transports Transports

	// PollTimeout is how long a long-polling request waits for messages. The TypeScript client gives one up after 100 s.
	// Defaults to 90 s.
	PollTimeout time.Duration

	// DisconnectTimeout is how long a connection may be without a transport before it counts as gone: with stateful
	// reconnect, while no WebSocket is there; over long polling, while no request is. The latter get no pings and have no
	// ClientTimeout.
	// Defaults to 15 s.
	DisconnectTimeout time.Duration

	// NoStatefulReconnect refuses clients the stateful reconnect that they ask for; they connect without.
	// Defaults to false.
	NoStatefulReconnect bool

	// ReconnectBytes is how many bytes a connection with stateful reconnect may have written that the client has not
	// acknowledged; what else is to be sent waits in its queue. A client acknowledges once a second, so it receives at most
	// this much in a second: that is why it is more than the 100,000 of ASP.NET Core, which holds its senders up instead.
	// Connections that are sent the same share the memory.
	// Defaults to 1 MiB.
	ReconnectBytes int

	// MaximumMessageSize is the size in bytes of the largest message that a client may send.
	// Defaults to 32 KiB.
	MaximumMessageSize int

	// QueueBytes is how many bytes may wait for one connection's socket. A client that does not keep up is closed with
	// allowReconnect.
	// Defaults to 1 MiB.
	QueueBytes int

	// MaximumStreams is how many streams may be open on one connection, those to the client and those from it together. A
	// stream counts until the hub method that it belongs to is over. So many results of the client's methods may be
	// awaited, too.
	// Defaults to 100.
	MaximumStreams int

	// MaxConnections is how many connections there may be, over all hubs, from before a transport is opened until it is
	// closed, whether or not they have shaken hands. Who comes then is refused with 503. At rest one takes 12 KiB at most,
	// so that the default is a quarter of a gigabyte, and its queue comes on top.
	// Defaults to 20,000; [NoLimit]: as many as come.
	MaxConnections int

	// MaxConnectionsPerUser is the same for each [User.ID], which is refused with 429: devices and open pages add up.
	// Defaults to 100; [NoLimit].
	MaxConnectionsPerUser int

	// MaxConnectionsPerAddress is the same for each client's address, of IPv6 for each /64, which is refused with 429. It is
	// large because an office, a school, or a mobile network's gateway is one address (NAT).
	// Defaults to 1,000; [NoLimit].
	MaxConnectionsPerAddress int

	// NegotiationRate is how many connections a second may be opened from one address, counted as above: negotiations, and
	// WebSockets without one. NegotiationBurst is how many at once. Who exceeds them is refused with 429. The burst lets
	// all the connections of one address come back together, which takes a tenth of a second of one core.
	// Default to 100 and 1,000; [NoLimit] for the rate.
	NegotiationRate, NegotiationBurst int

	// InvocationRate is how many invocations a second one connection may send, InvocationBurst how many at once. What
	// exceeds them closes the connection, for good.
	// Default to 1,000 and 2,000; [NoLimit] for the rate.
	InvocationRate, InvocationBurst int

	// UserInvocationRate and UserInvocationBurst are the same for all connections of one [User.ID] together. What exceeds them waits.
	// Default to 2,000 and 4,000; [NoLimit] for the rate.
	UserInvocationRate, UserInvocationBurst int

	// MessageRate and MessageBurst are the same for one connection and for messages of every kind: invocations, stream items, pings and the rest.
	// Default to 10,000 and 20,000; [NoLimit] for the rate.
	MessageRate, MessageBurst int

	// MessagePackNames says how members of the server's own objects are named over MessagePack. Messages are encoded once, so all servers that
	// are given the same ones must agree.
	// Defaults to DotNetNames.
	MessagePackNames Names

	// TrustedProxies are whom X-Forwarded-For is believed from: the address of a client is what stands furthest to the right
	// there and is not one of them. Without its reverse proxy here, all that comes through it is one address to the limits.
	// Defaults to none: a client's address is its socket's.
	TrustedProxies []netip.Prefix

	// AllowedOrigins are the origins, written "https://app.example", whose pages may connect: by CORS with credentials,
	// and by WebSocket, which CORS does not cover. A port that is the scheme's own need not be written; * in its place is any port.
	// Defaults to none: pages of the same origin and clients that send no Origin only.
	AllowedOrigins []string

	// ShutdownSpread is over what time [Server.Shutdown] asks the clients to reconnect, so that they do not do it together.
	// Few take less: a hundred a second leave at least.
	// Defaults to 5 s; negative: all at once.
	ShutdownSpread time.Duration

	// Authenticate returns who sends r. Its error becomes 401 with "WWW-Authenticate: Bearer", or with what a [Challenger] says, or 403
	// where it is [ErrForbidden]. It is called on negotiate and on every transport request.
	// Defaults to nothing: it is required.
	Authenticate func(r *http.Request) (User, error)

	// Node is this server's name in the connection tokens that it gives out, at most 64 bytes: where others forward to.
	// Defaults to none: tokens name no node.
	Node string

	// Sealer seals and opens connection tokens with keys that several servers share: see [NewSealer].
	// Defaults to one with a key of this server's alone.
	Sealer door.Sealer

	// Forward hands a request to the server of that name, which the request's connection lives on, and its answer to the client; so
	// that no balancer needs to know which one that is. There the request has to come with the client's address (see
	// [Server.ClientAddress]) as its RemoteAddr, and be marked with [WithForwarded]. Forward returns an error that wraps [ErrNodeGone],
	// before it has written anything, where that server is gone; the client is told that its connection is, and starts anew.
	// Defaults to none: connections of other servers are unknown here.
	Forward func(w http.ResponseWriter, r *http.Request, node string) error

	// Others are the names of the other servers that are there, for the few requests whose connection may live on any of them.
	// Defaults to none: only the server that a connection token names is asked.
	Others func() []string

	// Now is what the time is by which connection tokens expire. Servers that share keys should share a clock.
	// Defaults to [time.Now].
	Now func() time.Time

	// Logger is where the server reports.
	// Defaults to [slog.Default].
	Logger *slog.Logger

	// Observer is told what happens, for metrics.
	// Defaults to one that ignores it.
	Observer Observer
}

// User is who a connection belongs to.
type User interface {
	// ID is never empty for an authenticated user.
	ID() string
	// ExpiresAt is when the connection has to be closed unless the user has been replaced by then; zero: never.
	ExpiresAt() time.Time
}

func (c Config) withDefaults() (Config, error) {
	c.KeepAliveInterval = cmp.Or(c.KeepAliveInterval, DefaultKeepAliveInterval)
	c.ClientTimeout = cmp.Or(c.ClientTimeout, DefaultClientTimeout)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, DefaultHandshakeTimeout)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, DefaultWriteTimeout)
	c.Transports = cmp.Or(c.Transports, AllTransports)
	c.PollTimeout = cmp.Or(c.PollTimeout, DefaultPollTimeout)
	c.MaximumMessageSize = cmp.Or(c.MaximumMessageSize, DefaultMaximumMessageSize)
	c.QueueBytes = cmp.Or(c.QueueBytes, DefaultQueueBytes)
	c.DisconnectTimeout = cmp.Or(c.DisconnectTimeout, DefaultDisconnectTimeout)
	c.ReconnectBytes = cmp.Or(c.ReconnectBytes, DefaultReconnectBytes)
	c.MaximumStreams = cmp.Or(c.MaximumStreams, DefaultMaximumStreams)
	c.ShutdownSpread = cmp.Or(c.ShutdownSpread, DefaultShutdownSpread)
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections)
	c.MaxConnectionsPerUser = cmp.Or(c.MaxConnectionsPerUser, DefaultMaxConnectionsPerUser)
	c.MaxConnectionsPerAddress = cmp.Or(c.MaxConnectionsPerAddress, DefaultMaxConnectionsPerAddress)
	c.NegotiationRate = cmp.Or(c.NegotiationRate, DefaultNegotiationRate)
	c.NegotiationBurst = cmp.Or(c.NegotiationBurst, DefaultNegotiationBurst)
	c.InvocationRate = cmp.Or(c.InvocationRate, DefaultInvocationRate)
	c.InvocationBurst = cmp.Or(c.InvocationBurst, DefaultInvocationBurst)
	c.UserInvocationRate = cmp.Or(c.UserInvocationRate, DefaultUserInvocationRate)
	c.UserInvocationBurst = cmp.Or(c.UserInvocationBurst, DefaultUserInvocationBurst)
	c.MessageRate = cmp.Or(c.MessageRate, DefaultMessageRate)
	c.MessageBurst = cmp.Or(c.MessageBurst, DefaultMessageBurst)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sealer == nil {
		c.Sealer = door.NewSealer(door.NewOwnKey())
	}
	if c.Observer == nil {
		c.Observer = ignorant{}
	}
	return c, c.validate()
}

func (c Config) validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"KeepAliveInterval", int64(c.KeepAliveInterval)},
		{"ClientTimeout", int64(c.ClientTimeout)},
		{"HandshakeTimeout", int64(c.HandshakeTimeout)},
		{"WriteTimeout", int64(c.WriteTimeout)},
		{"PollTimeout", int64(c.PollTimeout)},
		{"MaximumMessageSize", int64(c.MaximumMessageSize)},
		{"QueueBytes", int64(c.QueueBytes)},
		{"DisconnectTimeout", int64(c.DisconnectTimeout)},
		{"ReconnectBytes", int64(c.ReconnectBytes)},
		{"MaximumStreams", int64(c.MaximumStreams)},
		{"NegotiationBurst", int64(c.NegotiationBurst)},
		{"InvocationBurst", int64(c.InvocationBurst)},
		{"UserInvocationBurst", int64(c.UserInvocationBurst)},
		{"MessageBurst", int64(c.MessageBurst)},
	} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", f.name))
		}
	}
	if c.Authenticate == nil {
		errs = append(errs, errors.New("no Authenticate function"))
	}
	if len(c.Node) > door.MaxNodeName {
		errs = append(errs, fmt.Errorf("%q is longer than the %d bytes that Node may have", c.Node, door.MaxNodeName))
	}
	if c.Forward != nil && c.Node == "" {
		errs = append(errs, errors.New("no Node: without a name nothing is forwarded to this server"))
	}
	if c.MessagePackNames < DotNetNames || c.MessagePackNames > JSONNames {
		errs = append(errs, fmt.Errorf("MessagePackNames: %d is none of the Names", c.MessagePackNames))
	}
	if c.Transports&^AllTransports != 0 {
		errs = append(errs, fmt.Errorf("Transports: %#x is no set of transports", uint8(c.Transports)))
	}
	for _, origin := range c.AllowedOrigins {
		if !door.IsOrigin(origin) {
			errs = append(errs, fmt.Errorf("AllowedOrigins: %q is not an origin such as https://app.example, or http://localhost:* for any port", origin))
		}
	}
	return errors.Join(errs...)
}
