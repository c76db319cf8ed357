package postgres

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// killHerald starts a cluster from another process, kills that process, and returns the server's process number.
func killHerald(t *testing.T, dir string) int {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childDataDir+"="+dir)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	server, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err, line)
	require.True(t, alive(server))
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	return server
}

// Whether the kernel has ended the server (Linux) or it still runs, the next start succeeds.
func TestClusterStartsAfterItsProcessWasKilled(t *testing.T) {
	t.Parallel()
	dir := reachableDir(t)
	server := killHerald(t, dir)
	c := startCluster(t, ClusterConfig{DataDir: dir})
	require.Equal(t, 1, scan[int](t, c.DSN(), "SELECT 1"))
	require.False(t, servesData(server, c.home.path(dataDir)))
}
