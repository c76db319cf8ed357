package postgres

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	applicationNameDefault = "herald"
	waitDefault            = time.Minute
	connectTimeoutDefault  = 5 * time.Second
	tcpUserTimeoutDefault  = 15 * time.Second
	idleInTxTimeoutDefault = time.Minute
	answerTimeout          = 5 * time.Second // for the first questions of a session
	connectionsLeast       = 10
	connectionsPerCPU      = 4

	closeTimeout = time.Second
)

// Options says how a pool connects.
type Options struct {
	// MaxConns bounds the connections. Defaults to pool_max_conns of the connection string, else 4 per CPU and at least
	// 10.
	MaxConns int32
	// ApplicationName is what pg_stat_activity shows. Defaults to application_name of the connection string, else
	// "herald".
	ApplicationName string
	// Wait is how long Open waits for a database that cannot be used; negative: not at all. Defaults to 1 minute.
	Wait time.Duration
	// Waiter waits in Wait's place, for a caller with more steps to wait for. Defaults to one of Open's own.
	Waiter *Waiter
	// Writing says that the database has to take writes: a standby is waited for. Defaults to false.
	Writing bool
	// ConnectTimeout bounds one attempt. Defaults to connect_timeout of the connection string, else 5 seconds.
	ConnectTimeout time.Duration
	// TCPUserTimeout is how long sent data may stay unacknowledged before either side gives the connection up. That is
	// how a database that vanished from the network is noticed (on Linux). Defaults to 15 seconds.
	TCPUserTimeout time.Duration
	// IdleInTransactionTimeout is how long a transaction may sit idle before the server ends it, so that a stuck
	// process holds no locks. Defaults to 1 minute.
	IdleInTransactionTimeout time.Duration
	// Tracer follows the queries. Defaults to none.
	Tracer pgx.QueryTracer
	// Logger receives the progress. Defaults to slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Wait = cmp.Or(o.Wait, waitDefault)
	o.TCPUserTimeout = cmp.Or(o.TCPUserTimeout, tcpUserTimeoutDefault)
	o.IdleInTransactionTimeout = cmp.Or(o.IdleInTransactionTimeout, idleInTxTimeoutDefault)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// Open returns a pool on the database of the connection string (a URL or key=value pairs), which has been reached
// once. It waits for a database that is down, refuses connections, is starting or has no connection left, and fails
// at once where [Final] says that waiting does not help. Behind a pooler the pool's queries need nothing that a
// pooler takes away between two transactions, unless default_query_exec_mode in the connection string chooses
// another mode. The caller closes the pool.
func Open(ctx context.Context, dsn string, options Options) (*pgxpool.Pool, error) {
	o := options.withDefaults()
	config, err := o.config(dsn)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	pooled, err := o.await(ctx, pool)
	if err != nil {
		pool.Close()
		return nil, err
	}
	if pooled && !strings.Contains(dsn, "default_query_exec_mode") {
		if pool, err = o.withoutStatements(ctx, pool); err != nil {
			return nil, err
		}
	}
	if pooled {
		o.tellUnsettled(ctx, pool)
	}
	return pool, nil
}

// withoutStatements returns a pool to use behind a pooler, in the place of the given one. It prepares no statements
// by name: the next transaction may be another session's, which does not know them. It caches statement descriptions
// on this side, so that a query stays one round trip.
func (o Options) withoutStatements(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Pool, error) {
	config := pool.Config()
	pool.Close()
	o.Logger.InfoContext(ctx, "a pooler stands before the database: no statement is prepared by name",
		slog.String("address", address(&config.ConnConfig.Config)))
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return pool, nil
}

// await returns when the database answers, and reports whether it does so through a pooler. It fails when the
// database will not answer or did not in time.
func (o Options) await(ctx context.Context, pool *pgxpool.Pool) (pooled bool, err error) {
	at := address(&pool.Config().ConnConfig.Config)
	waiter := cmp.Or(o.Waiter, &Waiter{Address: at, Limit: o.Wait, Logger: o.Logger})
	atMost := cmp.Or(pool.Config().ConnConfig.ConnectTimeout, connectTimeoutDefault) + answerTimeout
	err = waiter.Do(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, atMost)
		defer cancel()
		return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			var err error
			if pooled, err = ThroughPooler(ctx, conn.Conn()); err != nil {
				return err
			}
			return checkServer(ctx, conn.Conn(), o.Writing)
		})
	})
	if err != nil && ctx.Err() == nil && (waiter.Limit < 0 || waiter.final(err)) {
		return false, fmt.Errorf("connecting to the database at %s: %w", at, err)
	}
	return pooled, err
}

func (o Options) config(dsn string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, unreadable(dsn, err)
	}
	if err := checkHosts(&config.ConnConfig.Config); err != nil {
		return nil, err
	}
	if o.MaxConns > 0 {
		config.MaxConns = o.MaxConns
	} else if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = int32(max(connectionsLeast, connectionsPerCPU*runtime.NumCPU())) //nolint:gosec // far below 2^31
	}
	conn := config.ConnConfig
	conn.RuntimeParams["application_name"] = cmp.Or(o.ApplicationName, conn.RuntimeParams["application_name"],
		applicationNameDefault)
	conn.Tracer = o.Tracer
	switch {
	case o.ConnectTimeout > 0:
		conn.ConnectTimeout = o.ConnectTimeout
	case !strings.Contains(dsn, "connect_timeout"):
		conn.ConnectTimeout = connectTimeoutDefault
	}
	conn.DialFunc = (&net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: o.TCPUserTimeout, Interval: o.TCPUserTimeout / 3, Count: 3},
		Control:         setUserTimeout(o.TCPUserTimeout),
	}).DialContext
	config.AfterConnect = o.settle
	return config, nil
}
