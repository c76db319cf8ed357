package app

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/postgres"
)

const (
	// The connections that a node keeps open beside its pools: the relay's and the listener's.
	connectionsBeside = 2

	// The pools' connections in all, unless the connection string says pool_max_conns, and the least that they may be.
	poolsPerCPU, poolsUsual, poolsLeast = 6, 16, 10

	// One scrape and one look at the readiness are under way at a time, and one tail.
	opsConnections, tailConnections = 2, 1
)

// pools are a node's connections to the database, divided by which work may have to wait for which. Jobs,
// administrators, scrapes and probes cannot take the connections of a client that subscribes or resumes, nor those
// that deliver events.
type pools struct {
	work      *pgxpool.Pool // jobs, the heartbeat, the API and its pages
	authorize *pgxpool.Pool // may this user join this group
	replay    *pgxpool.Pool // the log, for resumes
	tail      *pgxpool.Pool // the log, for what is broadcast
	ops       *pgxpool.Pool // readiness and metrics
}

// shares are the sizes of the pools.
type shares struct{ work, authorize, replay int32 }

// share divides a number of connections, which is at least poolsLeast.
func share(connections int32) shares {
	const least, quarter, eighth = 2, 4, 8
	s := shares{authorize: max(least, connections/quarter), replay: max(least, connections/eighth)}
	s.work = connections - s.authorize - s.replay - opsConnections - tailConnections
	return s
}

// poolConnections is how many connections a node's pools have in all, by the connection string.
func poolConnections(dsn string) (int32, error) {
	usual := int32(max(poolsUsual, poolsPerCPU*runtime.NumCPU())) //nolint:gosec // far below 2^31
	if !strings.Contains(dsn, "pool_max_conns") {
		return usual, nil
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return usual, nil //nolint:nilerr // opening it says what is wrong, without the password
	}
	if config.MaxConns < poolsLeast {
		return 0, fmt.Errorf("pool_max_conns in HERALD_DATABASE_URL is %d: a node needs at least %d, and %d beside them",
			config.MaxConns, poolsLeast, connectionsBeside)
	}
	return config.MaxConns, nil
}

// openPools connects to the database with options, whose MaxConns it sets.
func openPools(ctx context.Context, dsn string, options postgres.Options) (*pools, error) {
	connections, err := poolConnections(dsn)
	if err != nil {
		return nil, err
	}
	s := share(connections)
	p := &pools{}
	options.MaxConns = s.work
	if p.work, err = postgres.Open(ctx, dsn, options); err != nil {
		return nil, err
	}
	var errs []error
	apart := func(connections int32) *pgxpool.Pool {
		config := p.work.Config() // it has found out whether a pooler stands in between
		config.MaxConns, config.MinConns, config.MinIdleConns = connections, 0, 0
		pool, err := pgxpool.NewWithConfig(ctx, config)
		errs = append(errs, err)
		return pool
	}
	p.authorize, p.replay, p.tail, p.ops = apart(s.authorize), apart(s.replay),
		apart(tailConnections), apart(opsConnections)
	if err := errors.Join(errs...); err != nil {
		p.close()
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return p, nil
}

// close closes the pools, and waits for their connections.
func (p *pools) close() {
	for _, pool := range []*pgxpool.Pool{p.work, p.authorize, p.replay, p.tail, p.ops} {
		if pool != nil {
			pool.Close()
		}
	}
}
