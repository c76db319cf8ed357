package postgres

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The lock is Herald's own. Anybody can take the advisory key of earlier releases, and delays no migration with it;
// a login that may only publish cannot take the table's lock. A process that waits for the lock says for whom.
//
// Acceptance: A-385.
func TestWhoWaitsForTheMigrationsLockSaysForWhom(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	pool := openPool(t, c.DSN(), Options{})
	somebody := connect(t, c.DSN())
	_, err := somebody.Exec(t.Context(), "SELECT pg_advisory_lock(x'686572616c64'::bigint)")
	require.NoError(t, err)
	_, err = Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)

	_, err = somebody.Exec(t.Context(), "CREATE ROLE producer LOGIN; GRANT USAGE ON SCHEMA herald TO producer")
	require.NoError(t, err)
	producer := connect(t, c.SocketDSN()+"&user=producer")
	for _, mode := range []string{"EXCLUSIVE", "ACCESS SHARE"} {
		_, err = producer.Exec(t.Context(), "BEGIN; LOCK TABLE herald.migration_lock IN "+mode+" MODE")
		require.ErrorContains(t, err, "permission denied")
		_, err = producer.Exec(t.Context(), "ROLLBACK")
		require.NoError(t, err)
	}

	_, err = somebody.Exec(t.Context(),
		"SET application_name = 'a deployment'; BEGIN; LOCK TABLE herald.migration_lock IN EXCLUSIVE MODE")
	require.NoError(t, err)
	var log bytes.Buffer
	called := false
	err = underLock(t.Context(), pool, slog.New(slog.NewTextHandler(&log, nil)), time.Millisecond,
		func() error { called = true; return nil })
	require.ErrorContains(t, err, `application "a deployment"`)
	require.ErrorContains(t, err, "pid ")
	require.ErrorContains(t, err, "pg_terminate_backend")
	require.False(t, called)
	require.Contains(t, log.String(), "waiting for another process that migrates this database")
	require.Equal(t, 1, strings.Count(log.String(), "\n"))

	_, err = somebody.Exec(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	require.NoError(t,
		underLock(t.Context(), pool, discard(), time.Millisecond, func() error { called = true; return nil }))
	require.True(t, called)
}
