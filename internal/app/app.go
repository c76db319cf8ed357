package app

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/hubs"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/peers"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/signalr"
)

// App is one node.
type App struct {
	cfg    Config
	logger *slog.Logger
	nodeID uuid.UUID
	epoch  int64 // of the log, when the broadcaster started

	verifier    *auth.Verifier
	pools       *pools        // the fields from here on are built when the database is there
	pool        *pgxpool.Pool // the work pool of pools
	relay       *relay.Relay
	tail        *relay.Tail
	listener    *relay.Listener
	jobs        *jobs.Jobs
	checker     *policy.Checker // remembers answers
	asker       *policy.Checker // remembers no answers
	broadcaster *broadcast.Broadcaster
	signalr     *signalr.Server
	hubs        *hubs.Hubs
	nodes       *nodes.Register
	clock       *dbclock.Clock // the database's
	journal     nodes.Journal
	metrics     *metrics
	scraping    sync.Mutex // held by one database question of a scrape at a time
	readiness   remembered[struct{}]
	undelivered remembered[jobs.Undelivered] // for readiness and metrics
	audit       *auditlog.Log
	handler     http.Handler // hubs and API
	keys        *nodes.Keys
	peers       *peers.Peers
	nodeURL     string         // the address at which other nodes reach this one
	roots       *x509.CertPool // verify other nodes' certificates; nil: the system's

	gate                    gate
	entrance                gate // for other nodes
	starting                starting
	serving                 chan struct{}          // closed when the node serves
	servedSince             time.Time              // set before serving is closed
	overdue                 atomic.Pointer[string] // the periodic jobs that no node runs
	stopping                atomic.Bool            // the node is no longer ready
	draining                atomic.Bool            // the node takes no new connections, and works on
	drainingMu              sync.Mutex             // one drain or stop at a time
	leaving                 sync.WaitGroup         // what draining has started
	main, ops, forNodes     *http.Server
	mainSockets, opsSockets []net.Listener
	nodeSockets             []net.Listener // the sockets for other nodes, where they are not the main ones
}

// New checks the configuration, opens the sockets, and returns a node that serves nothing yet. It asks no database.
func New(ctx context.Context, cfg Config) (*App, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.ListenDatabaseURL = cmp.Or(cfg.ListenDatabaseURL, cfg.DatabaseURL)
	cfg.Version = cmp.Or(cfg.Version, "unknown")
	a := &App{
		cfg: cfg, logger: cmp.Or(cfg.Logger, slog.Default()), nodeID: uuid.New(), metrics: newMetrics(),
		serving: make(chan struct{}),
	}
	a.clock = dbclock.New(a.logger)
	a.audit = auditlog.New(auditlog.Config{Logger: a.logger, RefusalsOnly: !cfg.Server.AuditLog})
	var err error
	if a.verifier, err = a.newVerifier(ctx); err != nil {
		return nil, err
	}
	if a.roots, err = peers.ReadRoots(cfg.Server.NodeCAFile); err != nil {
		return nil, err
	}
	a.buildServers() //nolint:contextcheck // what probes ask is asked for all of them
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *App) newVerifier(ctx context.Context) (*auth.Verifier, error) {
	cfg, err := auth.FromSettings(a.cfg.Auth)
	if err != nil {
		return nil, err
	}
	cfg.Logger, cfg.Metrics = a.logger, a.metrics.auth
	verifier, err := auth.NewVerifier(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("configuring tokens: %w", err)
	}
	return verifier, nil
}

// buildDelivery builds the parts between the log and the sockets.
func (a *App) buildDelivery(log *eventlog.Reader, state eventlog.State) error {
	s := a.cfg.Server
	var err error
	a.broadcaster, err = broadcast.New(broadcast.Config{
		Revoked:  a.lookAgain,
		Settings: s.BroadcastSettings, ReplayBytes: s.QueueBytes / 2, PendingBytes: s.QueueBytes / 4, //nolint:mnd // a replay may fill half of the queue
		Logger: a.logger, Metrics: a.metrics.broadcast, Journal: &a.journal,
	}, log)
	if err != nil {
		return fmt.Errorf("building the broadcaster: %w", err)
	}
	a.epoch = state.Epoch
	a.broadcaster.Start(state.Position)

	rules := policy.Config{AdminRole: a.cfg.Auth.AdminRole, Function: s.AuthorizeFunction, Logger: a.logger}
	if a.asker, err = policy.New(rules, a.pools.authorize); err != nil {
		return fmt.Errorf("HERALD_AUTHORIZE_FUNCTION: %w", err)
	}
	rules.Cache, rules.Metrics = s.AuthorizeCache, a.metrics.policy
	if a.checker, err = policy.New(rules, a.pools.authorize); err != nil {
		return fmt.Errorf("HERALD_AUTHORIZE_FUNCTION: %w", err)
	}
	a.nodes = nodes.New(a.pool, a.nodeID).WithClock(a.clock)
	a.hubs, err = hubs.New(hubs.Config{
		Broadcaster: a.broadcaster, Authorizer: a.checker, Tokens: doorkeeper{a.verifier},
		Stats:       outbox.NewPublisher(a.pool),
		Connections: allNodes{a}, AdminRole: a.cfg.Auth.AdminRole, TeamCart: s.FeatureTeamcart,
		Audit: a.audit, Logger: a.logger,
	})
	if err != nil {
		return fmt.Errorf("building the hubs: %w", err)
	}
	return a.buildSignalR()
}

func (a *App) buildSignalR() error {
	var err error
	a.signalr, err = signalr.New(signalr.Config{
		Settings: a.cfg.Server.SignalRSettings,
		Node:     ticketName(a.nodeID), Sealer: signalr.NewSealer(sealingKeys{a.keys}), Forward: a.forward,
		Others: a.otherNodes, Now: a.clock.Now,
		Authenticate: a.hubs.Authenticate, Logger: a.logger, Metrics: a.metrics.signalr,
	})
	return err
}

// buildRelay builds the line from the outbox to the broadcaster.
func (a *App) buildRelay() error {
	to := broadcaster{a.broadcaster, a.checker, a.cfg.Broadcast}
	var err error
	if a.tail, err = relay.NewTail(relay.TailConfig{
		Log: eventlog.NewReader(a.pools.tail), Broadcaster: to, Epoch: a.epoch, Logger: a.logger,
	}); err != nil {
		return err
	}
	setAside, err := jobs.NewSetAside(a.pool)
	if err != nil {
		return err
	}
	a.relay, err = relay.New(relay.Config{
		NodeID: a.nodeID, SetAside: setAside, Relayed: a.tail.Offer, Metrics: a.metrics.relay, Logger: a.logger,
		Settings: a.cfg.Server.RelaySettings, Holder: setAside, Contested: a.contested,
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			session := a.pool.Config().ConnConfig
			relay.Configure(session)
			return postgres.Connect(ctx, session)
		},
	})
	if err != nil {
		return err
	}
	a.listener = &relay.Listener{
		Connect:     func(ctx context.Context) (*pgx.Conn, error) { return connectToListen(ctx, a.cfg.ListenDatabaseURL) },
		Probe:       func(ctx context.Context) error { return relay.Probe(ctx, a.pool) },
		Own:         a.relay.Backend,
		Outbox:      a.relay.Wake,
		Log:         a.tail.Told,
		Reconnected: func() { a.relay.Wake(); a.tail.Look() },
		Logger:      a.logger,
	}
	a.jobs, err = jobs.New(jobs.Config{
		Pool: a.pool, Sweeper: a.relay, NodeID: a.nodeID, Logger: a.logger,
		Settings: a.cfg.Server.JobSettings, Contested: a.contested, Clock: a.clock,
	})
	if err != nil {
		return err
	}
	return nil
}

func connectToListen(ctx context.Context, url string) (*pgx.Conn, error) {
	session, err := postgres.ConnConfig(url)
	if err != nil {
		return nil, err
	}
	session.RuntimeParams["application_name"] = "herald listener"
	return postgres.Connect(ctx, session)
}

// buildHandler builds the handler behind the gate.
func (a *App) buildHandler() error {
	s := a.cfg.Server
	dead, err := jobs.NewDeadLetters(a.pool)
	if err != nil {
		return err
	}
	api, err := adminapi.New(adminapi.Config{
		// The asker remembers no permission: events once sent in the answer to a poll cannot be taken back.
		Authenticator: doorkeeper{a.verifier}, Authorizer: a.asker, Publisher: outbox.NewPublisher(a.pool),
		Replayer: adminapi.NewPager(eventlog.NewReader(a.pool), s.ReplayLimit), Ready: a.ready,
		DeadLetters: dead, Tracer: outbox.NewTracer(a.pool), Connections: connections{a}, Fleet: fleet{a},
		TeamCart: s.FeatureTeamcart, ReplayLimit: s.ReplayLimit,
		Rate: cmp.Or(float64(s.APIRate), adminapi.NoLimit), Burst: s.APIBurst, AllowsOrigin: a.signalr.AllowsOrigin,
		WriteTimeout: s.WriteTimeout, Audit: a.audit, Logger: a.logger,
	})
	if err != nil {
		return fmt.Errorf("building the API: %w", err)
	}
	mux := http.NewServeMux()
	a.hubs.Mount(mux, a.signalr)
	rest := api.Handler()
	mux.Handle("/api/", rest)
	mux.Handle(adminapi.OpenAPIPath, rest)
	a.handler = newPaths(a.hubs).inAnyCase(mux)
	a.entrance.open(a.forNodesOnly(api))
	return nil
}

// Addr is the address at which the hubs are served; the first of localhost's two.
func (a *App) Addr() net.Addr { return a.mainSockets[0].Addr() }

// Serving is closed when the node has found its database and everything runs.
func (a *App) Serving() <-chan struct{} { return a.serving }

// NodeID identifies this node in the database and in the logs.
func (a *App) NodeID() uuid.UUID { return a.nodeID }

// allNodes counts connections over all nodes: this one's now, the others' as last reported.
type allNodes struct{ *App }

// Connections returns the open connections by the hub's path.
func (n allNodes) Connections(ctx context.Context) (map[string]int, error) {
	counts, err := n.nodes.Connections(ctx)
	if err != nil {
		return nil, err
	}
	for path, count := range n.hubs.Connections(n.signalr) {
		counts[path] += count
	}
	return counts, nil
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

const heartbeatInterval = time.Second
