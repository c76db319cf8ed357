package signalr

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/settings"
	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Settings are what an operator decides about a [Server]. Defaults are those of ASP.NET Core where it has one.
// Variables have the prefix of the program that embeds them.
type Settings struct {
	// AllowedOrigins are the origins whose pages may connect: by CORS with credentials, and by WebSocket, which CORS
	// does not cover. A port that is the scheme's own need not be written; * in its place is any port.
	AllowedOrigins []string `env:"ALLOWED_ORIGINS" placeholder:"ORIGIN,…" help:"Origins whose pages may connect, such as https://app.example; http://localhost:* is any port. Defaults to the same origin only, of herald dev to this machine's on any port."`

	// QueueBytes is how many bytes may wait for one connection's socket. A client that does not keep up is closed with
	// allowReconnect.
	QueueBytes int `default:"1048576" env:"QUEUE_BYTES" zero:"refused: a connection could be sent nothing" placeholder:"BYTES" help:"What may wait for one connection before it is closed to resume later (${default})."`
	// MaximumMessageSize is the size in bytes of the largest message that a client may send.
	MaximumMessageSize int `name:"message-bytes" default:"32768" env:"MESSAGE_BYTES" zero:"refused: a client could not even shake hands" placeholder:"BYTES" help:"Largest message that a client may send (${default})."`
	// KeepAliveInterval is the time without a write after which a connection is sent a ping.
	KeepAliveInterval time.Duration `name:"keep-alive" default:"15s" env:"KEEP_ALIVE" zero:"refused: clients take silence for a lost connection" placeholder:"DURATION" help:"Silence after which a connection is sent a ping (${default})."`
	// ClientTimeout is the time without a read after which a connection counts as gone.
	ClientTimeout time.Duration `default:"30s" env:"CLIENT_TIMEOUT" zero:"refused: clients that are gone would be kept for ever" placeholder:"DURATION" help:"Silence after which a client counts as gone (${default})."`
	// HandshakeTimeout is how long a connection may take to send its handshake, and how long the token from negotiate
	// can be used.
	HandshakeTimeout time.Duration `default:"15s" env:"HANDSHAKE_TIMEOUT" zero:"refused: connections that never say anything would be kept for ever" placeholder:"DURATION" help:"Time that a client has for its handshake (${default})."`
	// WriteTimeout is how long one write to a socket may take before the client counts as stuck.
	WriteTimeout time.Duration `default:"30s" env:"WRITE_TIMEOUT" zero:"refused: clients that are stuck would be kept for ever" placeholder:"DURATION" help:"Time that one write to a connection may take before it is cut off (${default})."`
	// MessagePackNames says how members of the server's own objects are named over MessagePack. Messages are encoded
	// once, so all servers that are given the same messages must agree.
	MessagePackNames string `name:"messagepack-names" default:"dotnet" env:"MESSAGEPACK_NAMES" placeholder:"dotnet|camel" help:"How members of Herald's own objects are named over MessagePack: dotnet, as a .NET hub's are (OrderId), or camel, as in JSON (orderId) (${default})."`
	// ShutdownSpread is over what time [Server.Shutdown] asks the clients to reconnect, so that they do not do it
	// together. A few clients take less, because at least a hundred a second are asked. 0: all at once.
	ShutdownSpread time.Duration `default:"5s" env:"SHUTDOWN_SPREAD" zero:"off" placeholder:"DURATION" help:"Time over which connections are asked to reconnect when the server stops; few take less (${default})."`

	// MaxConnections is how many connections there may be, over all hubs, from before a transport is opened until it is
	// closed, whether or not they have shaken hands. Further requests are refused with 503. At rest one takes 12 KiB at
	// most, so that the default is a quarter of a gigabyte, and its queue comes on top.
	MaxConnections int `default:"20000" env:"MAX_CONNECTIONS" zero:"unlimited" placeholder:"N" help:"Connections that this node holds at most, 12 KiB each at rest; 0: no limit (${default})."`
	// MaxConnectionsPerUser is the same for each [User.ID], which is refused with 429: devices and open pages add up.
	MaxConnectionsPerUser int `default:"100" env:"MAX_CONNECTIONS_PER_USER" zero:"unlimited" placeholder:"N" help:"Connections that one user may have on each node; 0: no limit (${default})."`
	// MaxConnectionsPerAddress is the same for each client's address, of IPv6 for each /64, which is refused with 429.
	// It is large because an office, a school, or a mobile network's gateway is one address (NAT).
	MaxConnectionsPerAddress int `default:"1000" env:"MAX_CONNECTIONS_PER_ADDRESS" zero:"unlimited" placeholder:"N" help:"Connections that one client address, or IPv6 /64, may have on each node: everybody behind a NAT together; 0: no limit (${default})."`
	// NegotiationRate is how many connections a second may be opened from one address, counted as above: negotiations,
	// and WebSockets without one. Further requests are refused with 429. The burst lets all the connections of one
	// address come back together, which takes a tenth of a second of one core.
	NegotiationRate  int `default:"100" env:"NEGOTIATION_RATE" zero:"unlimited" placeholder:"N" help:"Connections that one client address, or IPv6 /64, may open per second on each node; 0: no limit (${default})."`
	NegotiationBurst int `default:"1000" env:"NEGOTIATION_BURST" zero:"with NegotiationRate" placeholder:"N" help:"How many of them at once (${default})."`
	// InvocationRate is how many invocations a second one connection may send. A connection that exceeds it is closed
	// for good.
	InvocationRate  int `default:"1000" env:"INVOCATION_RATE" zero:"unlimited" placeholder:"N" help:"Invocations that one connection may send per second before it is closed; 0: no limit (${default})."`
	InvocationBurst int `default:"2000" env:"INVOCATION_BURST" zero:"with InvocationRate" placeholder:"N" help:"How many of them at once (${default})."`
	// UserInvocationRate is the same for all connections of one [User.ID] together. Further invocations wait.
	UserInvocationRate  int `default:"2000" env:"USER_INVOCATION_RATE" zero:"unlimited" placeholder:"N" help:"Invocations that all connections of one user may send per second together on each node; what exceeds them waits; 0: no limit (${default})."`
	UserInvocationBurst int `default:"4000" env:"USER_INVOCATION_BURST" zero:"with UserInvocationRate" placeholder:"N" help:"How many of them at once (${default})."`
	// MessageRate is the same for one connection and for messages of every kind: invocations, stream items, pings and
	// the rest.
	MessageRate  int `default:"10000" env:"MESSAGE_RATE" zero:"unlimited" placeholder:"N" help:"Messages of any kind that one connection may send per second before it is closed; 0: no limit (${default})."`
	MessageBurst int `default:"20000" env:"MESSAGE_BURST" zero:"with MessageRate" placeholder:"N" help:"How many of them at once (${default})."`
	// MaximumStreams is how many streams may be open on one connection, to the client and from it together. A stream
	// counts until its hub method is over. As many results of the client's methods may be awaited, too.
	MaximumStreams int `name:"max-streams" default:"100" env:"MAX_STREAMS" zero:"refused: streams without a limit are memory without a limit" placeholder:"N" help:"Streams that may be open on one connection (${default})."`

	// DisconnectTimeout is how long a connection may be without a transport before it counts as gone: with stateful
	// reconnect, while it has no WebSocket; over long polling, while it has no request. Long-polling connections get no
	// pings and have no ClientTimeout.
	DisconnectTimeout time.Duration `default:"15s" env:"DISCONNECT_TIMEOUT" zero:"refused: between two polls no client is there" placeholder:"DURATION" help:"Time for which a connection is kept while its client is away: with stateful reconnect, or between two polls (${default})."`
	// PollTimeout is how long a long-polling request waits for messages. The TypeScript client gives up after 100 s.
	PollTimeout time.Duration `default:"90s" env:"POLL_TIMEOUT" zero:"refused: clients would poll without a pause" placeholder:"DURATION" help:"Time after which a long-polling request without messages is answered: less than a proxy in between waits, which for nginx is 60s (${default})."`
	// ReconnectBytes is how many bytes a connection with stateful reconnect may have written that the client has not
	// acknowledged. Further messages wait in its queue. A client acknowledges once a second, so it receives at most this
	// much in a second. That is why it is more than the 100,000 of ASP.NET Core, which holds its senders up instead.
	// Connections that are sent the same messages share the memory.
	ReconnectBytes int `default:"1048576" env:"RECONNECT_BYTES" zero:"refused: a client with stateful reconnect could be sent nothing" placeholder:"BYTES" help:"What a connection with stateful reconnect keeps until its client has acknowledged it (${default})."`

	// TrustedProxies are the proxies whose X-Forwarded-For is believed: a client's address is the rightmost one there
	// that is not a trusted proxy's. If its reverse proxy is missing here, all that comes through it is one address to
	// the limits.
	TrustedProxies []string `env:"TRUSTED_PROXIES" placeholder:"CIDR,…" help:"Reverse proxies whose X-Forwarded-For says who the client is, such as 10.0.0.0/8. Without them all that comes through a proxy is one address to the limits. Defaults to none."`
}

// DefaultSettings are those of a server without configuration.
func DefaultSettings() Settings { return settings.Defaults[Settings]() }

// Check says what an operator has to change, beside what package settings checks of itself. The prefix stands before
// the variables' names.
func (s Settings) Check(prefix string) error {
	var errs []error
	if s.ClientTimeout > 0 && s.ClientTimeout <= s.KeepAliveInterval {
		errs = append(errs, fmt.Errorf("%sCLIENT_TIMEOUT must be longer than %[1]sKEEP_ALIVE", prefix))
	}
	if s.PollTimeout > 0 && s.PollTimeout < time.Second {
		errs = append(errs, fmt.Errorf("%sPOLL_TIMEOUT must be at least 1s", prefix))
	}
	return errors.Join(append(errs, s.checkTexts(prefix))...)
}

func (s Settings) checkTexts(prefix string) error {
	var errs []error
	for _, origin := range s.AllowedOrigins {
		if !door.IsOrigin(origin) {
			errs = append(errs, fmt.Errorf(
				"%sALLOWED_ORIGINS: %q is not an origin such as https://app.example, or http://localhost:* for any port",
				prefix, origin))
		}
	}
	if _, known := s.names(); !known {
		errs = append(errs, fmt.Errorf("%sMESSAGEPACK_NAMES is %q: it must be dotnet or camel", prefix, s.MessagePackNames))
	}
	for _, text := range s.TrustedProxies {
		if _, err := network(text); err != nil {
			errs = append(errs,
				fmt.Errorf("%sTRUSTED_PROXIES: %q is neither a network such as 10.0.0.0/8 nor an address", prefix, text))
		}
	}
	return errors.Join(errs...)
}

// names is MessagePackNames as the encoder takes it.
func (s Settings) names() (_ wire.Names, known bool) {
	switch s.MessagePackNames {
	case "dotnet":
		return wire.DotNetNames, true
	case "camel":
		return wire.JSONNames, true
	}
	return wire.DotNetNames, false
}

// Proxies returns the networks of the trusted proxies, without the texts that [Settings.Check] rejects. A single
// address is a network of one.
func (s Settings) Proxies() []netip.Prefix {
	networks := make([]netip.Prefix, 0, len(s.TrustedProxies))
	for _, text := range s.TrustedProxies {
		if proxies, err := network(text); err == nil {
			networks = append(networks, proxies)
		}
	}
	return networks
}

func network(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text) //nolint:wrapcheck // checkTexts says it in other words
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err //nolint:wrapcheck // likewise
	}
	address = address.Unmap()
	return netip.PrefixFrom(address, address.BitLen()), nil
}
