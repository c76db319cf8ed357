package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
)

// Cluster is a server of the test's own, to be stopped, killed and restarted, with one migrated database. Its Stop,
// Kill and Restart are those of [postgres.Cluster]; the address stays the same.
type Cluster struct {
	*postgres.Cluster
	*Database
}

// NewCluster returns a running server with settings ahead of pgtest's own ("fsync": "on" where a test kills it and
// needs its data afterwards). It is stopped and removed when the test ends.
func NewCluster(tb testing.TB, settings map[string]string) *Cluster {
	tb.Helper()
	clearAway()
	dir, err := makeDir()
	require.NoError(tb, err)
	cluster, err := startCluster(tb.Context(), dir, settings)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, cluster.Stop(context.WithoutCancel(tb.Context())))
		require.NoError(tb, os.RemoveAll(dir))
	})
	require.NoError(tb, makeTemplate(tb.Context(), cluster))
	require.NoError(tb, execute(tb.Context(), cluster, "CREATE DATABASE herald_test TEMPLATE "+template))
	return &Cluster{cluster, &Database{Name: "herald_test", cluster: cluster}}
}

// DSN is the connection string of the migrated database, over TCP with a password.
func (c *Cluster) DSN() string { return c.Database.DSN() }

// Demote makes the server a standby that receives nothing: it takes no writes until pg_promote.
func (c *Cluster) Demote(tb testing.TB) {
	tb.Helper()
	var data string
	require.NoError(tb, c.Pool(tb).QueryRow(tb.Context(), "SHOW data_directory").Scan(&data))
	require.NoError(tb, c.Stop(tb.Context()))
	// The file that is copied has the right owner.
	duplicate(tb, filepath.Join(data, "PG_VERSION"), filepath.Join(data, "standby.signal"))
	require.NoError(tb, c.Restart(tb.Context()))
}
