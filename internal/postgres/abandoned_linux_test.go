package postgres

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServerEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	dir := reachableDir(t)
	server := killHerald(t, dir)
	data := filepath.Join(dir, homeDir, dataDir)
	require.Eventually(t, func() bool { return !servesData(server, data) }, 20*time.Second, pollInterval)
	require.Eventually(t, func() bool {
		left, err := filepath.Glob(filepath.Join(data, "postmaster.pid"))
		return err == nil && len(left) == 0
	}, 20*time.Second, pollInterval, "shut down in order")
}
