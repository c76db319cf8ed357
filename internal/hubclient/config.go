package hubclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Defaults of [Config]: the same as in the .NET and TypeScript clients, where those have one.
const (
	DefaultConnectTimeout     = 15 * time.Second
	DefaultKeepAliveInterval  = 15 * time.Second
	DefaultServerTimeout      = 30 * time.Second
	DefaultResumeTimeout      = 30 * time.Second
	DefaultMaximumMessageSize = 1 << 20
)

// Config says how to reach Herald.
type Config struct {
	// URL is the server, "https://host:port"; hub paths are appended to it. Required.
	URL string

	// Token returns the access token. It is called on every connect, so that an expired token is replaced; its errors
	// are retried like a server that cannot be reached. If the server says how long the token lasts, Token is called
	// again five minutes before the end, or at half of a lifetime of less than ten minutes. The connection goes on with
	// the new token. Defaults to no token.
	Token func(ctx context.Context) (string, error)

	// HTTPClient makes the requests, the WebSocket upgrade included. Defaults to a client that uses TLS below and keeps
	// no idle connections.
	HTTPClient *http.Client

	// TLS is the configuration of the default HTTPClient.
	// Defaults to the system's roots.
	TLS *tls.Config

	// Backoff is how long [Follow] waits before each attempt to connect again; the last value repeats. It starts over
	// once an event has been handled or a subscription has lasted for a while. Defaults to 0, 2 s, 10 s, 30 s.
	Backoff []time.Duration

	// ForbiddenPatience is how long [Follow] keeps trying if it is refused a group that it was in before: a server
	// whose database is away refuses every client. The attempts wait as Backoff says, but never for longer than a fifth
	// of ForbiddenPatience. Defaults to 0: a refusal ends Follow.
	ForbiddenPatience time.Duration

	// ConnectTimeout bounds token, negotiation, WebSocket upgrade and handshake together.
	// Defaults to 15 s.
	ConnectTimeout time.Duration

	// KeepAliveInterval is how long nothing may be sent before a ping is. Defaults to 15 s.
	KeepAliveInterval time.Duration

	// ServerTimeout is how long the server may be silent before the connection counts as lost.
	// Defaults to 30 s.
	ServerTimeout time.Duration

	// ResumeTimeout is how long [Follow] waits, during a resume, for the next event or the answer. Defaults to 30 s.
	ResumeTimeout time.Duration

	// MessagePack speaks MessagePack instead of JSON. Arguments and results are JSON in either case, with the names
	// that the server writes over MessagePack; its timestamps become texts in RFC 3339. Events are recognised by the
	// names of either protocol. Defaults to false.
	MessagePack bool

	// MaximumMessageSize is the size in bytes of the largest accepted WebSocket message. Defaults to 1 MiB.
	MaximumMessageSize int64

	// Logger receives a line for each reconnect. Defaults to [slog.Default].
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, DefaultConnectTimeout)
	c.KeepAliveInterval = cmp.Or(c.KeepAliveInterval, DefaultKeepAliveInterval)
	c.ServerTimeout = cmp.Or(c.ServerTimeout, DefaultServerTimeout)
	c.ResumeTimeout = cmp.Or(c.ResumeTimeout, DefaultResumeTimeout)
	c.MaximumMessageSize = cmp.Or(c.MaximumMessageSize, DefaultMaximumMessageSize)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if len(c.Backoff) == 0 {
		c.Backoff = []time.Duration{0, 2 * time.Second, 10 * time.Second, 30 * time.Second}
	}
	if c.HTTPClient == nil {
		// No proxy buffers and no idle connections: a connect makes each of its two requests once.
		c.HTTPClient = &http.Client{Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   c.TLS,
			DisableKeepAlives: true,
		}}
	}
	return c, c.validate()
}

func (c Config) validate() error {
	var errs []error
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		errs = append(errs, fmt.Errorf("URL: %q is not a server such as https://host:port", c.URL))
	}
	if min(c.ConnectTimeout, c.KeepAliveInterval, c.ServerTimeout, c.ResumeTimeout, c.ForbiddenPatience) < 0 ||
		c.MaximumMessageSize < 0 {
		errs = append(errs, errors.New("no time-out and no size may be negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("configuring the hub client: %w", err)
	}
	return nil
}
