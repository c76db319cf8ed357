package pgtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Replica is a copy of a cluster as it was once: a standby that has received nothing since.
type Replica struct {
	cluster *Cluster
	data    string // the primary's directory
	copy    string
}

// Fork stops the cluster, makes a replica of it, and starts it again.
func (c *Cluster) Fork(tb testing.TB) *Replica {
	tb.Helper()
	r := &Replica{cluster: c}
	require.NoError(tb, c.Pool(tb).QueryRow(tb.Context(), "SHOW data_directory").Scan(&r.data))
	require.NoError(tb, c.Stop(tb.Context()))
	r.copy = filepath.Join(tb.TempDir(), "data")
	duplicate(tb, r.data, r.copy)
	require.NoError(tb, c.Restart(tb.Context()))
	return r
}

// Promote kills the primary and makes the replica the primary, at the same address. What was committed since Fork is
// lost.
func (r *Replica) Promote(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, r.cluster.Kill(tb.Context()))
	require.NoError(tb, os.RemoveAll(r.data))
	duplicate(tb, r.copy, r.data)
	// The file that is copied has the right owner.
	duplicate(tb, filepath.Join(r.data, "PG_VERSION"), filepath.Join(r.data, "standby.signal"))
	require.NoError(tb, r.cluster.Restart(tb.Context()))
	_, err := r.cluster.Pool(tb).Exec(tb.Context(), "SELECT pg_promote(true, 60)")
	require.NoError(tb, err)
}

// duplicate copies a file or a folder with its owners and modes.
func duplicate(tb testing.TB, from, to string) {
	tb.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(tb.Context()), "cp", "-a", from, to).CombinedOutput()
	require.NoError(tb, err, string(out))
}
