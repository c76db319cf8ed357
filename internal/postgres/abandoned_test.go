package postgres

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClusterStartsAfterItsProcessWasKilled(t *testing.T) {
	t.Parallel()
	dir := reachableDir(t)
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

	// Whether the kernel has ended the server (Linux) or it still runs, the next start comes through.
	c := startCluster(t, ClusterConfig{DataDir: dir})
	require.Equal(t, 1, scan[int](t, c.DSN(), "SELECT 1"))
	require.Eventually(t, func() bool { return !servesData(server, c.home.path(dataDir)) }, 20*time.Second, pollInterval)
}
