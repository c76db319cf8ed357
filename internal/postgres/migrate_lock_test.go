package postgres

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The key that releases before took is anybody's to take, and keeps nobody waiting.
func TestAnAdvisoryLockOfSomebodyElsesDoesNotKeepMigrationsWaiting(t *testing.T) {
	t.Parallel()
	pool := emptyDatabase(t)
	somebody := connect(t, pool.Config().ConnString())
	_, err := somebody.Exec(t.Context(), "SELECT pg_advisory_lock(x'686572616c64'::bigint)")
	require.NoError(t, err)
	_, err = Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)
}

// Acceptance: A-385.
func TestWhoWaitsForTheMigrationsLockSaysForWhom(t *testing.T) {
	t.Parallel()
	pool := emptyDatabase(t)
	_, err := Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)
	config, err := ConnConfig(pool.Config().ConnString())
	require.NoError(t, err)
	config.RuntimeParams["application_name"] = "a deployment"
	other, err := Connect(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Close(t.Context()) })
	tx, err := other.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE herald.migration_lock IN EXCLUSIVE MODE")
	require.NoError(t, err)

	var log bytes.Buffer
	called := false
	err = underLock(t.Context(), pool, slog.New(slog.NewTextHandler(&log, nil)), time.Millisecond, func() error { called = true; return nil })
	require.ErrorContains(t, err, `application "a deployment"`)
	require.ErrorContains(t, err, "pid ")
	require.ErrorContains(t, err, "pg_terminate_backend")
	require.False(t, called)
	require.Contains(t, log.String(), "waiting for another process that migrates this database")
	require.Equal(t, 1, strings.Count(log.String(), "\n"))

	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, underLock(t.Context(), pool, discard(), time.Millisecond, func() error { called = true; return nil }))
	require.True(t, called)
}

// A login that may only publish cannot take it.
func TestAProducerCannotTakeTheMigrationsLock(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	pool := openPool(t, c.DSN(), Options{})
	_, err := Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)
	for _, sql := range []string{"CREATE ROLE producer LOGIN", "GRANT USAGE ON SCHEMA herald TO producer"} {
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	producer := openPool(t, c.SocketDSN()+"&user=producer", Options{})
	for _, mode := range []string{"EXCLUSIVE", "ACCESS SHARE"} {
		_, err = producer.Exec(t.Context(), "BEGIN; LOCK TABLE herald.migration_lock IN "+mode+" MODE")
		require.ErrorContains(t, err, "permission denied")
	}
}
