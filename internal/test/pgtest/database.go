package pgtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
)

const closeTimeout = 10 * time.Second // of a pool whose test has ended

// Database is the database of one test.
type Database struct {
	Name    string
	cluster *postgres.Cluster
}

// New returns a migrated database of the test's own. It is dropped when the test ends, even if it has connections.
func New(tb testing.TB) *Database {
	tb.Helper()
	cluster, err := shared.get(tb.Context())
	require.NoError(tb, err, "starting PostgreSQL for the tests")
	return create(tb, cluster, template)
}

// NewEmpty is New without the migrations.
func NewEmpty(tb testing.TB) *Database {
	tb.Helper()
	cluster, err := shared.get(tb.Context())
	require.NoError(tb, err, "starting PostgreSQL for the tests")
	return create(tb, cluster, "template0")
}

func create(tb testing.TB, cluster *postgres.Cluster, from string) *Database {
	tb.Helper()
	d := &Database{Name: "test_" + strings.ReplaceAll(uuid.NewString(), "-", ""), cluster: cluster}
	// One copy at a time: a template must have no other user while it is copied.
	shared.copying.Lock()
	err := execute(tb.Context(), cluster, "CREATE DATABASE "+d.Name+" TEMPLATE "+from)
	shared.copying.Unlock()
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, execute(context.WithoutCancel(tb.Context()), cluster, "DROP DATABASE "+d.Name+" WITH (FORCE)"))
	})
	return d
}

// DSN is the database's connection string, over TCP with a password.
func (d *Database) DSN() string { return d.cluster.DatabaseDSN(d.Name) }

// Pool returns a new pool on the database, closed when the test ends.
func (d *Database) Pool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	return d.PoolWith(tb, postgres.Options{})
}

// PoolWith is Pool with options.
func (d *Database) PoolWith(tb testing.TB, options postgres.Options) *pgxpool.Pool {
	tb.Helper()
	pool, err := postgres.Open(tb.Context(), d.DSN(), options)
	require.NoError(tb, err)
	tb.Cleanup(func() { closePool(tb, pool) })
	return pool
}

// closePool closes pool, which waits for its connections. A transaction that a failed test has left open would never
// return its connection, and the test would hang instead of saying why it failed.
func closePool(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
		tb.Errorf("%d connections of a pool are in use after the test", pool.Stat().AcquiredConns())
	}
}

// Conn returns a new connection to the database, closed when the test ends. Its session has the settings of the
// database and the role. Where the run is [Shadowed] it sees no shadows all the same: it is the test's own.
func (d *Database) Conn(tb testing.TB) *pgx.Conn {
	tb.Helper()
	config, err := pgx.ParseConfig(d.DSN())
	require.NoError(tb, err)
	if Shadowed() {
		config.RuntimeParams["search_path"] = `pg_catalog, "$user", public, pg_temp`
	}
	conn, err := pgx.ConnectConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.WithoutCancel(tb.Context())) })
	return conn
}

// execute runs a statement in the cluster's own database.
func execute(ctx context.Context, cluster *postgres.Cluster, sql string) error {
	conn, err := pgx.Connect(ctx, cluster.SocketDSN())
	if err != nil {
		return fmt.Errorf("connecting to the test database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
