package adminapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/settings"
	"github.com/yummyzoom/herald/internal/signalr"
)

const (
	// NoLimit as [Config.Rate] turns the limit off.
	NoLimit = -1.0
	// AdminHubPathDefault is the admin hub's path in GET health.
	AdminHubPathDefault = event.AdminPath

	// operationTimeout bounds the database work of one request.
	operationTimeout = 10 * time.Second
)

// Authenticator finds the principal of a request. [*auth.Verifier] is one.
type Authenticator interface {
	FromRequest(r *http.Request) (*auth.Principal, error)
}

// Authorizer says whether a principal may join a group: nil, policy.ErrUnauthorized or policy.ErrForbidden.
// policy.Checker is one. The admin endpoints ask it for the group [event.Admins].
type Authorizer interface {
	Authorize(ctx context.Context, p *auth.Principal, g event.Group) error
}

// Publisher is the part of the outbox that administrators use. [*outbox.Publisher] is one.
type Publisher interface {
	// PublishAdmin writes one admin event in its own transaction and returns its id: eventID, or a new one if that is
	// uuid.Nil. An id that was published before is returned without an error.
	PublishAdmin(ctx context.Context, eventType event.Type, payload json.RawMessage, eventID uuid.UUID) (uuid.UUID, error)
	// PlatformStats returns the platform's statistics and when the newest of them was set. ok is false if none were
	// ever set.
	PlatformStats(ctx context.Context) (stats outbox.PlatformStats, setAt time.Time, ok bool, err error)
}

// Replayer reads the log of a group for a client that polls. [*Pager] is one.
type Replayer interface {
	// Replay returns the events of group after the cursor, in order: at most limit, and not many more than [PageBytes]
	// hold. With uuid.Nil as after it starts at the beginning of the retained events; with nil it returns none.
	//
	// Status is [Resumed] or [Gap]. With Resumed, lastEventID is the next cursor: the last event returned; the cursor
	// itself if no event follows it; the group's newest event if after is nil; uuid.Nil if the group has none. With Gap
	// there are no events, and lastEventID is the group's newest.
	Replay(ctx context.Context, group event.Group, after *uuid.UUID, limit int) (status string, lastEventID uuid.UUID,
		events []event.Logged, err error)
}

// Config connects the API. Authenticator, Authorizer, Publisher, Replayer, DeadLetters, Tracer, Connections and
// Fleet are required.
type Config struct {
	Authenticator Authenticator
	Authorizer    Authorizer
	Publisher     Publisher
	Replayer      Replayer
	DeadLetters   DeadLetters
	Tracer        Tracer
	Connections   Connections
	Fleet         Fleet
	// Ready says whether the service is operational; GET health and GET status report it. Defaults to always.
	Ready func(ctx context.Context) error
	// TeamCart says whether the team cart hub is on. Defaults to off.
	TeamCart bool
	// AdminHubPath is the admin hub's path. Defaults to /hubs/admin.
	AdminHubPath string
	// ReplayLimit is the most events of one page. Defaults to 1000.
	ReplayLimit int
	// Rate is how many requests per second a user may make to one endpoint, or [NoLimit]. Defaults to 50.
	Rate float64
	// Burst is how many requests a user may make to one endpoint at once. Defaults to 100.
	Burst int
	// Audit records who published, decided about a dead letter, disconnected or drained, and who was refused. Defaults
	// to a log that writes to Logger.
	Audit *auditlog.Log
	// WriteTimeout is how long a client may take for 64 KiB of an answer. The whole answer may take four times as long.
	// Defaults to 30 s.
	WriteTimeout time.Duration
	// AllowsOrigin says whether pages of another origin may use the API, by CORS. Defaults to none.
	AllowsOrigin func(origin string) bool
	// Logger receives errors. Defaults to slog.Default().
	Logger *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// API serves the REST endpoints. It has no goroutines.
type API struct {
	cfg     Config
	logger  *slog.Logger
	audit   *auditlog.Log
	limiter *limiter
	pages   *places
	reading *semaphore.Weighted
}

// New returns the API for cfg.
func New(cfg Config) (*API, error) {
	if cfg.Authenticator == nil || cfg.Authorizer == nil || cfg.Publisher == nil || cfg.Replayer == nil ||
		cfg.DeadLetters == nil ||
		cfg.Tracer == nil || cfg.Connections == nil || cfg.Fleet == nil {
		return nil, errors.New(
			"adminapi: Authenticator, Authorizer, Publisher, Replayer, DeadLetters, Tracer, Connections and Fleet are required",
		)
	}
	if (cfg.Rate < 0 && cfg.Rate != NoLimit) || cfg.Burst < 0 || cfg.ReplayLimit < 0 {
		return nil, errors.New("adminapi: Rate, Burst and ReplayLimit must not be negative")
	}
	if cfg.Ready == nil {
		cfg.Ready = func(context.Context) error { return nil }
	}
	if cfg.AllowsOrigin == nil {
		cfg.AllowsOrigin = func(string) bool { return false }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.AdminHubPath = cmp.Or(cfg.AdminHubPath, AdminHubPathDefault)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, signalr.DefaultSettings().WriteTimeout)
	cfg.ReplayLimit = cmp.Or(cfg.ReplayLimit, settings.Defaults[broadcast.Settings]().ReplayLimit)
	logger, defaults := cmp.Or(cfg.Logger, slog.Default()), settings.Defaults[Settings]()
	return &API{
		cfg:     cfg,
		logger:  logger,
		audit:   cmp.Or(cfg.Audit, auditlog.New(auditlog.Config{Logger: logger})),
		limiter: newLimiter(cmp.Or(cfg.Rate, float64(defaults.APIRate)), cmp.Or(cfg.Burst, defaults.APIBurst)),
		pages:   newPlaces(pagesPerUser, pagesOfNode),
		reading: semaphore.NewWeighted(pagesRead),
	}, nil
}

// Handler returns the API's handler, for "/api/" and [OpenAPIPath]. An unknown path is a 404 problem.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range a.endpoints() {
		mux.Handle(e.path, a.admit(e))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.writeProblem(w, r, newProblem(http.StatusNotFound, "There is nothing at this path."))
	})
	return a.cors(mux)
}

// ForNodes returns the handler for other nodes, which ask on behalf of administrators: about this node's
// connections, and to drain it.
func (a *API) ForNodes() http.Handler {
	mux := http.NewServeMux()
	for _, e := range a.endpoints() {
		if strings.HasPrefix(e.path, connectionsPath) || strings.HasPrefix(e.path, nodesPath+"/") {
			mux.Handle(e.path, a.admit(e))
		}
	}
	return mux
}

// timestamp is the present time in the API's form.
func (a *API) timestamp() string { return a.cfg.Now().UTC().Format(time.RFC3339Nano) }
