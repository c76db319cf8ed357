package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/yummyzoom/herald/internal/test/balancer"
)

const (
	wholeRun      = 24 * time.Hour
	progressEvery = 5 * time.Second
	startPatience = time.Minute
	lookEvery     = 100 * time.Millisecond
)

// run is one run.
type run struct {
	cfg     Config
	began   time.Time
	dsn     string
	config  *pgx.ConnConfig // of the harness's own sessions
	world   *world
	nodes   []*node
	clients []*client
	scripts []*script
	verdict *verdict

	balancer *balancer.Balancer // nil: each client stays with a node
	entrance *proxy             // between the balancer and the clients under Node

	writing   writing
	delivered atomic.Int64
	settled   atomic.Bool
	database  sync.Mutex // held while the database is restarted

	mu     sync.Mutex
	faults map[FaultKind]int
	broken error // a failure of the harness itself
}

// Run tortures Herald as cfg says and returns the result. An error says that the run itself could not be made.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	rng := rand.New(rand.NewPCG(cfg.Seed, 0))
	r := &run{
		cfg: cfg, began: time.Now(), dsn: cfg.Database.DSN(), world: newWorld(rng, cfg.Clients, cfg.Writers),
		verdict: newVerdict(), faults: map[FaultKind]int{},
	}
	r.writing.dsn, r.writing.target = r.dsn, cfg.Events
	if cfg.Rate > 0 {
		r.writing.limit = rate.NewLimiter(rate.Limit(cfg.Rate), max(mostEvents, cfg.Rate/10))
	}
	var err error
	if r.config, err = pgx.ParseConfig(r.dsn); err != nil {
		return nil, fmt.Errorf("reading the database's URL: %w", err)
	}
	r.config.RuntimeParams["application_name"] = ownName
	r.config.ConnectTimeout = connectTimeout
	r.logf("seed %d: %d events, %d faults, %d nodes, %d clients and %d under Node, logs in %s",
		cfg.Seed, cfg.Events, cfg.Faults, cfg.Nodes, cfg.Clients, cfg.NodeClients, cfg.Dir)
	return r.all(ctx, rng)
}

func (r *run) all(ctx context.Context, rng *rand.Rand) (*Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() { r.watch(ctx) })
	s := session{config: r.config}
	defer s.close() //nolint:contextcheck // its own time-out bounds it
	conn, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.world.create(ctx, conn); err != nil {
		return nil, err
	}
	defer r.closeNodes()
	if err := r.startNodes(ctx); err != nil {
		return nil, err
	}
	stop, err := r.startClients(ctx, &s, rng)
	if err != nil {
		return nil, err
	}
	err = r.work(ctx)
	if err == nil {
		err = r.settle(ctx, &s)
	}
	if err := errors.Join(err, stop()); err != nil {
		return nil, err
	}
	for _, n := range r.nodes {
		n.stop()
	}
	committed, err := r.verify(ctx)
	if err != nil {
		return nil, err
	}
	return r.report(committed), nil
}

func (r *run) startNodes(ctx context.Context) error {
	for i := range r.cfg.Nodes {
		n, err := startNode(r.cfg, i, r.dsn, r.verdict) //nolint:contextcheck // it ends with close
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, n)
	}
	if err := r.startBalancer(); err != nil { //nolint:contextcheck // it ends with closeNodes
		return err
	}
	return r.awaitNodes(ctx, startPatience)
}

// startBalancer starts a balancer in front of the nodes, where cfg asks for one.
func (r *run) startBalancer() (err error) {
	if !r.cfg.Balanced {
		return nil
	}
	r.balancer, err = balancer.New(func() (serving []string) {
		for _, n := range r.nodes {
			if address := n.where(); address != "" {
				serving = append(serving, address)
			}
		}
		return serving
	})
	if err != nil {
		return fmt.Errorf("starting the balancer: %w", err)
	}
	r.entrance, err = newProxy(r.balanced)
	return err
}

// balanced is the balancer's address, or empty.
func (r *run) balanced() string {
	if r.balancer == nil {
		return ""
	}
	return r.balancer.Address
}

func (r *run) awaitNodes(ctx context.Context, patience time.Duration) error {
	for _, n := range r.nodes {
		var err error
		if !eventually(ctx, patience, func() bool { err = n.ready(ctx); return err == nil }) {
			return fmt.Errorf("%s does not get ready: %w", n.name, err)
		}
	}
	return nil
}

func (r *run) closeNodes() {
	if r.entrance != nil {
		r.entrance.close()
	}
	if r.balancer != nil {
		r.balancer.Close()
	}
	for _, n := range r.nodes {
		n.close()
	}
}

// startClients starts all clients, and returns the function that ends them.
func (r *run) startClients(ctx context.Context, s *session, rng *rand.Rand) (stop func() error, err error) {
	people := r.people(rng)
	for _, p := range people {
		for _, c := range p.follows {
			r.clients = append(r.clients, c)
			if c.policy == "" {
				continue
			}
			if err := c.letIn(ctx, s); err != nil {
				return nil, fmt.Errorf("granting: %w", err)
			}
		}
	}
	if r.scripts, err = r.scripted(rng); err != nil {
		return nil, err
	}
	driver, err := startScripts(r.cfg.Driver) //nolint:contextcheck // it ends with its input
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	for _, p := range people {
		for _, c := range p.follows {
			following.Go(func() {
				for float64(r.writing.written.Load()) < p.starts*float64(r.cfg.Events) {
					if !pause(ctx, faultOnTime) {
						return
					}
				}
				c.follow(ctx)
			})
		}
	}
	for _, c := range r.scripts {
		following.Go(func() { driver.follow(ctx, c) })
	}
	return func() error {
		cancel()
		following.Wait()
		return driver.stop()
	}, nil
}

// work runs the writers and the faults until both are done.
func (r *run) work(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	planner := func(writer int) *planner {
		return &planner{
			rng: rand.New(rand.NewPCG(r.cfg.Seed, uint64(2+writer))), world: r.world, writer: writer,
			recent: &r.writing.recent,
		}
	}
	for i := range r.cfg.Writers {
		all.Go(func() error { return r.writing.write(ctx, planner(i)) })
	}
	all.Go(func() error {
		return r.writing.linger(ctx, planner(r.cfg.Writers), &r.world.long, r.cfg.LongTransaction)
	})
	all.Go(func() error {
		return r.inflict(ctx, Schedule(r.cfg.Seed, r.cfg.Faults, r.cfg.Nodes, r.cfg.LongestFault))
	})
	if err := all.Wait(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.broken
}

// watch prints the progress of the run.
func (r *run) watch(ctx context.Context) {
	s := session{config: r.config}
	defer s.close() //nolint:contextcheck // its own time-out bounds it
	for pause(ctx, progressEvery) {
		r.progress(ctx, &s)
	}
}

func (r *run) progress(ctx context.Context, s *session) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	relayed := "?"
	if conn, err := s.get(ctx); err == nil {
		_ = conn.QueryRow(ctx, `SELECT position::text FROM herald.relay_state`).Scan(&relayed) // the database may be away
	}
	r.mu.Lock()
	faults := 0
	for _, n := range r.faults {
		faults += n
	}
	r.mu.Unlock()
	r.logf("%d of %d events written, log at %s, %d delivered, %d faults", r.writing.written.Load(), r.cfg.Events,
		relayed, r.delivered.Load(), faults)
}

func (r *run) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(r.cfg.Out, "%6.1fs  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

func (r *run) count(kind FaultKind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[kind]++
}

// fail records a failure of the harness itself.
func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = errors.Join(r.broken, err)
}

// eventually polls until the condition holds, and says whether it did.
func eventually(ctx context.Context, patience time.Duration, yes func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !yes() {
		if !pause(ctx, lookEvery) {
			return false
		}
	}
	return true
}
