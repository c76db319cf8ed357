package hubs

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/settings"
	"github.com/yummyzoom/herald/internal/signalr"
)

// Authorizer decides whether a principal may join a group: nil for yes, policy.ErrForbidden for no,
// policy.ErrUnauthorized for an expired token, any other error if it cannot be decided.
type Authorizer interface {
	Authorize(ctx context.Context, p *auth.Principal, g event.Group) error
}

// TokenVerifier turns a token, or a request that carries one, into its principal.
type TokenVerifier interface {
	Verify(ctx context.Context, token string) (*auth.Principal, error)
	FromRequest(r *http.Request) (*auth.Principal, error)
}

// Stats holds the platform's statistics. ok is false if none were ever set.
type Stats interface {
	PlatformStats(ctx context.Context) (stats outbox.PlatformStats, setAt time.Time, ok bool, err error)
}

// ConnectionCounter counts the open connections of all nodes, by the hub's path.
type ConnectionCounter interface {
	Connections(ctx context.Context) (map[string]int, error)
}

// Config holds the hubs' dependencies and settings.
type Config struct {
	// Broadcaster delivers events. Required.
	Broadcaster *broadcast.Broadcaster
	// Authorizer guards the groups. Required.
	Authorizer Authorizer
	// Tokens guards the hubs. Required.
	Tokens TokenVerifier
	// Stats answers GetPlatformStats. Required.
	Stats Stats
	// Connections answers GetConnectionCount. Required.
	Connections ConnectionCounter
	// AdminRole is the role that the admin hub requires. Defaults to Admin.
	AdminRole string
	// TeamCart says whether the team cart hub exists. Defaults to false.
	TeamCart bool
	// RefreshTimeout bounds the checks of a connection's groups against its new token. A connection whose checks take
	// longer is closed, to resume. Defaults to 10 s.
	RefreshTimeout time.Duration
	// Audit records connections, subscriptions and refusals. Defaults to a log that writes to Logger.
	Audit *auditlog.Log
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Logger receives messages for the operator. Defaults to slog.Default().
	Logger *slog.Logger
}

func (c *Config) validate() error {
	if c.Broadcaster == nil || c.Authorizer == nil || c.Tokens == nil || c.Stats == nil || c.Connections == nil {
		return errors.New("hubs: Broadcaster, Authorizer, Tokens, Stats and Connections are required")
	}
	c.AdminRole = cmp.Or(c.AdminRole, settings.Defaults[auth.Settings]().AdminRole)
	c.RefreshTimeout = cmp.Or(c.RefreshTimeout, 10*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Audit == nil {
		c.Audit = auditlog.New(auditlog.Config{Logger: c.Logger})
	}
	return nil
}

// Hubs are the hubs of one server.
type Hubs struct {
	cfg  Config
	hubs []*hub
}

// hub is one of the hubs.
type hub struct {
	*Hubs
	*signalr.Hub
	row *event.Hub
}

// New returns the hubs with all their methods.
func New(cfg Config) (*Hubs, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	h := &Hubs{cfg: cfg}
	for _, row := range event.Hubs() {
		if row.Setting == "" || cfg.TeamCart {
			h.add(&row)
		}
	}
	return h, nil
}

func (h *Hubs) add(row *event.Hub) {
	one := &hub{Hubs: h, Hub: signalr.NewHub(row.Name()), row: row}
	one.OnConnected(one.connected)
	one.OnDisconnected(func(c *signalr.Conn, _ error) { h.cfg.Broadcaster.Disconnect(c) })
	one.OnRefresh(one.refreshed)
	signalr.Method1(one.Hub, "RefreshToken", one.refreshToken)
	for i := range row.Groups {
		one.joinable(&row.Groups[i])
	}
	if row.Admin {
		one.administration()
	}
	h.hubs = append(h.hubs, one)
}

// Mount serves the hubs with s, which must have been made with h.Authenticate.
func (h *Hubs) Mount(mux *http.ServeMux, s *signalr.Server) {
	for _, one := range h.hubs {
		handler := s.Handler(one.Hub)
		for _, path := range Paths(one.row.Path) {
			mux.Handle(path, handler)
		}
	}
}

// The endpoints behind a hub's path.
const (
	negotiatePath = "/negotiate"
	refreshPath   = "/refresh"
)

// Paths returns all paths of the hub at path.
func Paths(path string) []string { return []string{path, path + negotiatePath, path + refreshPath} }

// Methods returns the names of the methods by the hub's path.
func (h *Hubs) Methods() map[string][]string {
	methods := make(map[string][]string, len(h.hubs))
	for _, one := range h.hubs {
		methods[one.row.Path] = one.Hub.Methods()
	}
	return methods
}

// Connections returns the open connections of this node by the hub's path.
func (h *Hubs) Connections(s *signalr.Server) map[string]int {
	counts := make(map[string]int, len(h.hubs))
	for _, one := range h.hubs {
		counts[one.row.Path] = s.Connections(one.Name())
	}
	return counts
}

// Path returns the path of the hub of that name.
func (h *Hubs) Path(name string) string {
	for _, one := range h.hubs {
		if one.Name() == name {
			return one.row.Path
		}
	}
	return ""
}

// Authenticate finds the user who sends r, for signalr.Config. It fails for no token or a bad one, and with
// [signalr.ErrForbidden] on the admin hub for a user without the role. The client learns only the status; the log
// has the reason.
func (h *Hubs) Authenticate(r *http.Request) (signalr.User, error) {
	p, err := h.cfg.Tokens.FromRequest(r)
	refused := auditlog.Entry{Action: auditlog.Connect, Path: strings.TrimSuffix(r.URL.Path, negotiatePath)}
	if path, ok := strings.CutSuffix(r.URL.Path, refreshPath); ok {
		refused.Action, refused.Path = auditlog.RefreshToken, path
	}
	if hub := event.HubAt(refused.Path); err == nil && hub != nil && hub.Admin && !p.HasRole(h.cfg.AdminRole) {
		err = h.cfg.withoutRole()
	}
	if err != nil {
		if p != nil {
			refused.Subject = p.Subject
		}
		if c := signalr.Refreshing(r.Context()); c != nil {
			refused.ConnectionID, refused.Subject = c.ID(), c.User().ID()
		}
		h.cfg.Audit.Refused(r.Context(), refused, err)
		return nil, err
	}
	return p, nil
}
