package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/selfcheck"
	"github.com/yummyzoom/herald/internal/settings"
)

const (
	sweepInterval        = time.Second
	partitionsInterval   = time.Hour
	retentionInterval    = time.Hour
	housekeepingInterval = time.Minute
	reindexInterval      = 24 * time.Hour
	promoteInterval      = 500 * time.Millisecond
	selfcheckInterval    = 10 * time.Second
	// Each day is one more place to look for a new group. A day without a partition goes to the default one.
	daysAhead = 3

	// Events take their places one after the other, under the relay's lock. More workers would only wait for that lock,
	// each with one of the pool's connections, which permissions and resumes need.
	workers      = 4
	retryWorkers = 1

	fetchPollInterval = 500 * time.Millisecond
	// fetchCooldown is the pause between two fetches while more is due. Each fetches as many jobs as there are workers.
	fetchCooldown    = 5 * time.Millisecond
	jobTimeout       = 30 * time.Second
	retentionTimeout = 50 * time.Minute
	startTimeout     = 15 * time.Second // of one attempt
	stopTimeout      = 5 * time.Second
)

// Sweeper relays everything that waits, over the given connection, and returns how many rows it took.
type Sweeper interface {
	Sweep(ctx context.Context, conn *pgx.Conn) (int, error)
}

// Config is what Jobs works with. Pool, Sweeper, NodeID and Logger are required.
type Config struct {
	Pool    *pgxpool.Pool
	Sweeper Sweeper
	NodeID  uuid.UUID
	Logger  *slog.Logger
	// Settings is what an operator decides. Zero values have their defaults.
	Settings
	// Contested is relay.Config's.
	Contested func(ctx context.Context, events []pass.Contested)
	// Clock is the database's clock. Defaults to one that only the jobs read.
	Clock *dbclock.Clock
}

// Jobs works River's jobs on this node.
type Jobs struct {
	cfg     Config
	client  *river.Client[pgx.Tx]
	abandon context.CancelFunc // frees what Start has made
}

// New returns a River client with all workers; nothing happens until Start.
func New(cfg Config) (*Jobs, error) {
	if cfg.Pool == nil || cfg.Sweeper == nil || cfg.Logger == nil {
		return nil, errors.New("jobs: Pool, Sweeper and Logger are required")
	}
	settings.Complete(&cfg.Settings)
	if cfg.Clock == nil {
		cfg.Clock = dbclock.New(cfg.Logger)
	}
	registered := river.NewWorkers()
	river.AddWorker(registered, &sweepWorker{pool: cfg.Pool, sweeper: cfg.Sweeper, logger: cfg.Logger})
	river.AddWorker(registered,
		&deliverScheduledWorker{pool: cfg.Pool, nodeID: cfg.NodeID, contested: cfg.Contested, died: logDied(cfg.Logger)})
	river.AddWorker(registered,
		&retryEventWorker{pool: cfg.Pool, nodeID: cfg.NodeID, contested: cfg.Contested, died: logDied(cfg.Logger)})
	river.AddWorker(registered, &statisticsWorker{pool: cfg.Pool, interval: cfg.StatsInterval})
	river.AddWorker(registered, &partitionsWorker{pool: cfg.Pool})
	river.AddWorker(registered, &retentionWorker{retention: retention.New(cfg.Pool, retention.Config{
		Events: cfg.Retention, Groups: cfg.GroupRetention, Logger: cfg.Logger, Clock: cfg.Clock,
	})})
	river.AddWorker(registered, &housekeepingWorker{
		pool:  cfg.Pool,
		nodes: nodes.New(cfg.Pool, cfg.NodeID), stats: outbox.NewPublisher(cfg.Pool), clock: cfg.Clock,
	})
	river.AddWorker(registered, &reindexWorker{pool: cfg.Pool, logger: cfg.Logger})
	river.AddWorker(registered, &selfcheckWorker{checker: selfcheck.New(cfg.Pool, cfg.Logger)})
	client, err := river.NewClient(newDriver(cfg.Pool), &river.Config{
		ID:     cfg.NodeID.String(),
		Schema: schema,
		Logger: slog.New(warnings{cfg.Logger.Handler()}),
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: workers},
			retryQueue:         {MaxWorkers: retryWorkers},
		},
		Workers:           registered,
		PollOnly:          true, // a pooler in between swallows notifications; nothing here waits for one
		FetchPollInterval: fetchPollInterval,
		FetchCooldown:     fetchCooldown,
		JobTimeout:        jobTimeout,
		// Everything that a leader of River's does goes by the leader's own clock. The package doc says what does it here.
		LeaderElectionDisabled: true,
		// River takes from this clock when a job that failed or snoozes is tried again. The field is public, though it is
		// named for tests. Where River compares times, the database compares them with its own clock.
		Test: river.TestConfig{Time: riverTime{cfg.Clock}},
	})
	if err != nil {
		return nil, fmt.Errorf("creating River's client: %w", err)
	}
	return &Jobs{cfg: cfg, client: client}, nil
}

// Start starts River, which first asks the database for a few things. It may be called again where it has failed.
func (j *Jobs) Start(ctx context.Context) error {
	if err := j.prepare(ctx); err != nil {
		return err
	}
	running, abandon := context.WithCancel(context.WithoutCancel(ctx)) // Stop ends it in order
	impatient := time.AfterFunc(startTimeout, abandon)
	told := context.AfterFunc(ctx, abandon)
	err := j.client.Start(running)
	if inTime, on := impatient.Stop(), told(); err == nil && (!inTime || !on) {
		_ = j.stop(context.WithoutCancel(ctx)) // River may have begun
		err = cmp.Or(context.Cause(ctx), errNotStarted)
	}
	if err != nil {
		abandon()
		return fmt.Errorf("starting River: %w", err)
	}
	j.abandon = abandon
	return nil
}

// prepare reads the database's clock, before any job is worked (until then the time is this machine's), and
// registers the periodic jobs.
func (j *Jobs) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := j.cfg.Clock.Read(ctx, j.cfg.Pool); err != nil {
		return err
	}
	return j.register(ctx)
}

var errNotStarted = errors.New("the database does not answer in time")

// Run works jobs until ctx ends, then lets the jobs under way finish. It starts River where Start has not.
func (j *Jobs) Run(ctx context.Context) error {
	if j.abandon == nil {
		if err := j.Start(ctx); err != nil {
			return err
		}
	}
	defer j.abandon()
	j.keepTime(ctx)
	return j.stop(context.WithoutCancel(ctx))
}

func (j *Jobs) stop(ctx context.Context) error {
	stopping, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := j.client.Stop(stopping); err == nil {
		return nil
	}
	hard, cancelHard := context.WithTimeout(ctx, stopTimeout)
	defer cancelHard()
	if err := j.client.StopAndCancel(hard); err != nil {
		return fmt.Errorf("stopping River: %w", err)
	}
	return nil
}
