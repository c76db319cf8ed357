package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/migrations"
)

// stepTimeout bounds an attempt at one step of the start: a database that accepts a question and never answers is
// asked again.
const stepTimeout = 15 * time.Second

// starting is how far a node has come that does not serve yet.
type starting struct {
	waiter postgres.Waiter
	last   atomic.Pointer[error] // why the last attempt failed
}

// failed stores why the node is not ready.
func (s *starting) failed(err error) { s.last.Store(&err) }

// reason says why the node does not serve yet.
func (s *starting) reason() error {
	if last := s.last.Load(); last != nil {
		return fmt.Errorf("waiting for the database: %w", *last)
	}
	return errStarting
}

var errStarting = errors.New("the server is starting")

// start connects to the database, checks that the node can work with it, and builds the parts that need it. It
// waits for a database that does not answer yet, and fails where waiting does not help.
func (a *App) start(ctx context.Context) error {
	a.starting.waiter = postgres.Waiter{
		Address: postgres.Address(a.cfg.DatabaseURL), Logger: a.logger, Failed: a.starting.failed,
		Final: func(err error) bool { return postgres.Final(err) || errors.Is(err, relay.ErrRestored) },
	}
	if a.cfg.Migrate {
		if err := a.step(ctx, a.migrate); err != nil {
			return err
		}
	}
	pools, err := openPools(ctx, a.cfg.DatabaseURL,
		postgres.Options{Waiter: &a.starting.waiter, Writing: true, Logger: a.logger})
	if err != nil {
		return err
	}
	a.pools, a.pool = pools, pools.work
	log := eventlog.NewReader(a.pools.replay)
	var state eventlog.State
	for _, step := range []func(ctx context.Context) error{
		func(ctx context.Context) error { return postgres.CheckMigrated(ctx, a.pool, migrations.FS) },
		func(ctx context.Context) error { return relay.CheckEpoch(ctx, a.pool) },
		func(ctx context.Context) (err error) { state, err = log.State(ctx); return err },
		a.meet,
	} {
		if err := a.step(ctx, bounded(step)); err != nil {
			return err
		}
	}
	return a.build(log, state) //nolint:contextcheck // scrapes bring their own
}

// step retries one step of the start until it succeeds.
func (a *App) step(ctx context.Context, attempt func(ctx context.Context) error) error {
	return a.starting.waiter.Do(ctx, attempt)
}

func bounded(step func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, stepTimeout)
		defer cancel()
		return step(ctx)
	}
}

// build builds everything that works with the database. Nothing runs yet.
func (a *App) build(log *eventlog.Reader, state eventlog.State) error {
	if err := a.buildDelivery(log, state); err != nil {
		return err
	}
	if err := a.buildPeers(); err != nil {
		return err
	}
	if err := a.buildRelay(); err != nil {
		return err
	}
	a.registerGauges()
	return a.buildHandler()
}

// migrate brings the schema up to date. It has no time-out: a migration has no known duration, and another node may
// be running it.
func (a *App) migrate(ctx context.Context) error {
	direct := a.cfg.ListenDatabaseURL
	if direct == a.cfg.DatabaseURL {
		direct = ""
	}
	return postgres.Upgrade(ctx, a.cfg.DatabaseURL, direct, migrations.FS, postgres.Options{Wait: -1, Logger: a.logger})
}
