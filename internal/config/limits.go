package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Limits is what clients may take of the server. A limit or a rate whose help says so may be 0, which is none.
type Limits struct {
	MaxConnections               int `default:"20000" env:"HERALD_MAX_CONNECTIONS" placeholder:"N" help:"Connections that this node holds at most, 12 KiB each at rest; 0: no limit (${default})."`
	MaxConnectionsPerUser        int `default:"100" env:"HERALD_MAX_CONNECTIONS_PER_USER" placeholder:"N" help:"Connections that one user may have on each node; 0: no limit (${default})."`
	MaxConnectionsPerAddress     int `default:"1000" env:"HERALD_MAX_CONNECTIONS_PER_ADDRESS" placeholder:"N" help:"Connections that one client address, or IPv6 /64, may have on each node: everybody behind a NAT together; 0: no limit (${default})."`
	MaxUnauthenticated           int `default:"2000" env:"HERALD_MAX_UNAUTHENTICATED" placeholder:"N" help:"Sockets without a valid token that a listener of each node has at most; 0: no limit (${default})."`
	MaxUnauthenticatedPerAddress int `default:"100" env:"HERALD_MAX_UNAUTHENTICATED_PER_ADDRESS" placeholder:"N" help:"How many of them one client address, or IPv6 /64, may have, unless it is a trusted proxy; 0: no limit (${default})."`
	NegotiationRate              int `default:"100" env:"HERALD_NEGOTIATION_RATE" placeholder:"N" help:"Connections that one client address, or IPv6 /64, may open per second on each node; 0: no limit (${default})."`
	NegotiationBurst             int `default:"1000" env:"HERALD_NEGOTIATION_BURST" placeholder:"N" help:"How many of them at once (${default})."`
	InvocationRate               int `default:"1000" env:"HERALD_INVOCATION_RATE" placeholder:"N" help:"Invocations that one connection may send per second before it is closed; 0: no limit (${default})."`
	InvocationBurst              int `default:"2000" env:"HERALD_INVOCATION_BURST" placeholder:"N" help:"How many of them at once (${default})."`
	UserInvocationRate           int `default:"2000" env:"HERALD_USER_INVOCATION_RATE" placeholder:"N" help:"Invocations that all connections of one user may send per second together on each node; what exceeds them waits; 0: no limit (${default})."`
	UserInvocationBurst          int `default:"4000" env:"HERALD_USER_INVOCATION_BURST" placeholder:"N" help:"How many of them at once (${default})."`
	MessageRate                  int `default:"10000" env:"HERALD_MESSAGE_RATE" placeholder:"N" help:"Messages of any kind that one connection may send per second before it is closed; 0: no limit (${default})."`
	MessageBurst                 int `default:"20000" env:"HERALD_MESSAGE_BURST" placeholder:"N" help:"How many of them at once (${default})."`
	APIRate                      int `name:"api-rate" default:"50" env:"HERALD_API_RATE" placeholder:"N" help:"Requests that one user may make of one endpoint of the REST API per second on each node; 0: no limit (${default})."`
	APIBurst                     int `name:"api-burst" default:"100" env:"HERALD_API_BURST" placeholder:"N" help:"How many of them at once (${default})."`
	MaxForwarded                 int `default:"5000" env:"HERALD_MAX_FORWARDED" placeholder:"N" help:"Requests that may be under way from this node to others, for connections that those hold; event streams, polls and WebSockets count for as long as they last, with 60 KiB each at most; 0: no limit (${default})."`
	MaxGroups                    int `default:"1000" env:"HERALD_MAX_GROUPS" placeholder:"N" help:"Groups that one connection may be in (${default})."`
	MaxStreams                   int `default:"100" env:"HERALD_MAX_STREAMS" placeholder:"N" help:"Streams that may be open on one connection (${default})."`

	DisconnectTimeout time.Duration `default:"15s" env:"HERALD_DISCONNECT_TIMEOUT" placeholder:"DURATION" help:"Time for which a connection is kept while its client is away: with stateful reconnect, or between two polls (${default})."`
	PollTimeout       time.Duration `default:"90s" env:"HERALD_POLL_TIMEOUT" placeholder:"DURATION" help:"Time after which a long-polling request without messages is answered: less than a proxy in between waits, which for nginx is 60s (${default})."`
	ReconnectBytes    int           `default:"1048576" env:"HERALD_RECONNECT_BYTES" placeholder:"BYTES" help:"What a connection with stateful reconnect keeps until its client has acknowledged it (${default})."`

	TrustedProxies []string `env:"HERALD_TRUSTED_PROXIES" placeholder:"CIDR,…" help:"Reverse proxies whose X-Forwarded-For says who the client is, such as 10.0.0.0/8. Without them all that comes through a proxy is one address to the limits. Defaults to none."`
}

// Check says what is wrong, every setting at once.
func (l Limits) Check() error {
	var errs []error
	for _, limit := range []struct {
		name  string
		value int
		least int
	}{
		{"HERALD_MAX_CONNECTIONS", l.MaxConnections, 0},
		{"HERALD_MAX_CONNECTIONS_PER_USER", l.MaxConnectionsPerUser, 0},
		{"HERALD_MAX_CONNECTIONS_PER_ADDRESS", l.MaxConnectionsPerAddress, 0},
		{"HERALD_MAX_UNAUTHENTICATED", l.MaxUnauthenticated, 0},
		{"HERALD_MAX_UNAUTHENTICATED_PER_ADDRESS", l.MaxUnauthenticatedPerAddress, 0},
		{"HERALD_NEGOTIATION_RATE", l.NegotiationRate, 0},
		{"HERALD_NEGOTIATION_BURST", l.NegotiationBurst, min(1, l.NegotiationRate)},
		{"HERALD_INVOCATION_RATE", l.InvocationRate, 0},
		{"HERALD_INVOCATION_BURST", l.InvocationBurst, min(1, l.InvocationRate)},
		{"HERALD_USER_INVOCATION_RATE", l.UserInvocationRate, 0},
		{"HERALD_USER_INVOCATION_BURST", l.UserInvocationBurst, min(1, l.UserInvocationRate)},
		{"HERALD_MESSAGE_RATE", l.MessageRate, 0},
		{"HERALD_MESSAGE_BURST", l.MessageBurst, min(1, l.MessageRate)},
		{"HERALD_API_RATE", l.APIRate, 0},
		{"HERALD_API_BURST", l.APIBurst, min(1, l.APIRate)},
		{"HERALD_MAX_FORWARDED", l.MaxForwarded, 0},
		{"HERALD_MAX_GROUPS", l.MaxGroups, 1},
		{"HERALD_MAX_STREAMS", l.MaxStreams, 1},
		{"HERALD_RECONNECT_BYTES", l.ReconnectBytes, 1},
	} {
		if limit.value < limit.least {
			errs = append(errs, fmt.Errorf("%s must be at least %d", limit.name, limit.least))
		}
	}
	if l.DisconnectTimeout <= 0 {
		errs = append(errs, errors.New("HERALD_DISCONNECT_TIMEOUT must be more than zero"))
	}
	if l.PollTimeout < time.Second {
		errs = append(errs, errors.New("HERALD_POLL_TIMEOUT must be at least 1s"))
	}
	_, err := l.Proxies()
	return errors.Join(append(errs, err)...)
}

// Proxies returns the trusted proxies' networks. A single address is a network of one.
func (l Limits) Proxies() ([]netip.Prefix, error) {
	var errs []error
	prefixes := make([]netip.Prefix, 0, len(l.TrustedProxies))
	for _, text := range l.TrustedProxies {
		prefix, err := network(strings.TrimSpace(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("HERALD_TRUSTED_PROXIES: %q is neither a network such as 10.0.0.0/8 nor an address", text))
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, errors.Join(errs...)
}

func network(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text) //nolint:wrapcheck // Proxies says it in other words
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err //nolint:wrapcheck // likewise
	}
	address = address.Unmap()
	return netip.PrefixFrom(address, address.BitLen()), nil
}
