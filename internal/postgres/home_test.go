package postgres

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Root's server runs as a user that cannot enter a private directory. An ordinary user's server runs as that user.
//
// Acceptance: A-419.
func TestClusterInAPrivateDirectory(t *testing.T) {
	t.Parallel()
	private := filepath.Join(reachableDir(t), "private")
	require.NoError(t, os.Mkdir(private, 0o700))
	config := ClusterConfig{
		DataDir:   filepath.Join(private, "data"),
		elsewhere: filepath.Join(reachableDir(t), "elsewhere"),
	}
	c := startCluster(t, config)
	keep(t, c.DSN())

	parent := config.DataDir
	if os.Geteuid() == 0 {
		parent = config.elsewhere
		require.FileExists(t, filepath.Join(config.DataDir, locationFile))
		require.NoDirExists(t, filepath.Join(config.DataDir, homeDir))
	}
	require.Equal(t, parent, filepath.Dir(c.Location()))

	require.NoError(t, c.Stop(t.Context()))
	again := startCluster(t, config)
	require.Equal(t, c.Location(), again.Location())
	requireKept(t, again.DSN())
	require.NoError(t, again.Stop(t.Context()))

	require.NoError(t, os.RemoveAll(config.DataDir))
	fresh := startCluster(t, config)
	require.False(t, scan[bool](t, fresh.DSN(), "SELECT to_regclass('kept') IS NOT NULL"),
		"deleting the data directory means a fresh start")
}

// Acceptance.
func TestClusterRunsUnprivileged(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	info, err := os.Stat(c.home.path(dataDir))
	require.NoError(t, err)
	stat, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	require.NotZero(t, stat.Uid)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	for _, name := range []string{"", passwordFile, lockFile, logFile, portFile} {
		info, err := os.Stat(filepath.Join(c.Location(), name))
		require.NoError(t, err)
		stat, ok := info.Sys().(*syscall.Stat_t)
		require.True(t, ok)
		require.EqualValues(t, os.Geteuid(), stat.Uid, "the server's user must not own %q", name)
	}
}

func TestClusterAdoptsCopiedData(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	require.NoError(t, c.Stop(t.Context()))
	other := reachableDir(t)
	require.NoError(t, os.CopyFS(filepath.Join(other, homeDir), os.DirFS(c.Location())))
	require.NoError(t, os.Chmod(filepath.Join(other, homeDir), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(other, homeDir, dataDir), 0o700))

	next := startCluster(t, ClusterConfig{DataDir: other})
	require.Equal(t, 1, scan[int](t, next.DSN(), "SELECT 1"))
}

func TestClusterAfterAnInterruptedInitdb(t *testing.T) {
	t.Parallel()
	dir := reachableDir(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, homeDir, newDataDir, "base"), 0o755))
	c := startCluster(t, ClusterConfig{DataDir: dir})
	require.Equal(t, 1, scan[int](t, c.DSN(), "SELECT 1"))
}
