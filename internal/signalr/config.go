package signalr

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/yummyzoom/herald/internal/settings"
	"github.com/yummyzoom/herald/internal/signalr/door"
)

// Config says how a [Server] behaves.
type Config struct {
	// Settings are the operator's decisions. A setting that is left out is as in [DefaultSettings], see
	// [settings.Complete].
	Settings

	// Transports are those that clients may use.
	// Defaults to [AllTransports].
	Transports Transports

	// NoStatefulReconnect refuses clients the stateful reconnect that they ask for; they connect without.
	// Defaults to false.
	NoStatefulReconnect bool

	// Authenticate returns the user who sends r. It is called on negotiate and on every transport request. Its error
	// becomes 403 where it is [ErrForbidden], else 401 with "WWW-Authenticate: Bearer", or with the challenge of a
	// [Challenger].
	// Defaults to nothing: it is required.
	Authenticate func(r *http.Request) (User, error)

	// Node is this server's name in the connection tokens that it issues, at most 64 bytes. Other servers forward to it
	// by that name.
	// Defaults to none: tokens name no node.
	Node string

	// Sealer seals and opens connection tokens with keys that several servers share: see [NewSealer].
	// Defaults to one with a key of this server's alone.
	Sealer door.Sealer

	// Forward hands a request to the server of that name, where its connection lives, and the answer to the client, so
	// that no balancer needs to know the server. The request must arrive there with the client's address (see
	// [Server.ClientAddress]) as its RemoteAddr, and marked with [WithForwarded]. Where that server is gone, Forward
	// returns an error that wraps [ErrNodeGone], before it has written anything. The client is then told that its
	// connection is gone, and starts anew.
	// Defaults to none: connections of other servers are unknown here.
	Forward func(w http.ResponseWriter, r *http.Request, node string) error

	// Others returns the names of the other live servers, for the few requests whose connection may live on any of them.
	// Defaults to none: only the server that a connection token names is asked.
	Others func() []string

	// Now is the clock by which connection tokens expire. Servers that share keys should share a clock.
	// Defaults to [time.Now].
	Now func() time.Time

	// Logger takes the server's log lines.
	// Defaults to [slog.Default].
	Logger *slog.Logger

	// Metrics count the server's events.
	// Defaults to unregistered metrics.
	Metrics *Metrics
}

// User is the owner of a connection.
type User interface {
	// ID is never empty for an authenticated user.
	ID() string
	// ExpiresAt is when the connection must be closed unless its user has been replaced by then; zero: never.
	ExpiresAt() time.Time
}

func (c Config) withDefaults() (Config, error) {
	settings.Complete(&c.Settings)
	c.Transports = cmp.Or(c.Transports, AllTransports)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sealer == nil {
		c.Sealer = door.NewSealer(door.NewOwnKey())
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	return c, c.validate()
}

func (c Config) validate() error {
	errs := []error{settings.Check(c.Settings), c.checkTexts("")}
	if c.Authenticate == nil {
		errs = append(errs, errors.New("no Authenticate function"))
	}
	if len(c.Node) > door.MaxNodeName {
		errs = append(errs, fmt.Errorf("%q is longer than the %d bytes that Node may have", c.Node, door.MaxNodeName))
	}
	if c.Forward != nil && c.Node == "" {
		errs = append(errs, errors.New("no Node: without a name nothing is forwarded to this server"))
	}
	if c.Transports&^AllTransports != 0 {
		errs = append(errs, fmt.Errorf("Transports: %#x is no set of transports", uint8(c.Transports)))
	}
	return errors.Join(errs...)
}
