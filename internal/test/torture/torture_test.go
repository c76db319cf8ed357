package torture_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/child"
	"github.com/yummyzoom/herald/internal/test/pgtest"
	"github.com/yummyzoom/herald/internal/test/torture"
)

// The flags of `make torture`. Without them the short form runs.
var (
	full   = flag.Bool("full", false, "torture in full")
	seed   = flag.Uint64("seed", 0, "seed of the run; 0: a random one")
	events = flag.Int64("events", 100_000, "events of the full run")
	faults = flag.Int("faults", 50, "faults of the full run")
)

// binary is the herald under test.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "herald-torture-bin-")
	if err == nil {
		binary = filepath.Join(dir, "herald")
		err = child.BuildHerald(binary)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	pgtest.Main(m, func() error { return os.RemoveAll(dir) })
}

// short fits into the time of a test run.
func short() torture.Config {
	return torture.Config{
		Events: 5000, Rate: 600, Faults: len(torture.FaultKinds()), Nodes: 2, Writers: 8, Clients: 20,
		NodeClients: 4, Balanced: true,
		LongTransaction: 3 * time.Second, LongestFault: 2 * time.Second, Patience: 3 * time.Minute,
	}
}

// long finds what a test run is too short for.
func long() torture.Config {
	return torture.Config{
		Events: *events, Faults: *faults, Nodes: 3, Writers: 16, Clients: 200, NodeClients: 8, Balanced: true,
		LongTransaction: 30 * time.Second, LongestFault: 8 * time.Second, Patience: 10 * time.Minute,
	}
}

// Acceptance.
func TestEveryEventArrivesOnceWhateverHappens(t *testing.T) {
	t.Parallel()
	cfg := short()
	if *full {
		cfg = long()
	}
	if cfg.Seed = *seed; cfg.Seed == 0 {
		cfg.Seed = uint64(rand.Uint32())
	}
	cfg.Binary, cfg.Driver, cfg.Out = binary, "../e2e/client", t.Output()
	cfg.Database = pgtest.NewCluster(t, map[string]string{"synchronous_commit": "on"})
	var err error
	cfg.Dir, err = os.MkdirTemp("", "herald-torture-") //nolint:usetesting // it outlives a test that fails
	require.NoError(t, err)
	report, err := torture.Run(t.Context(), cfg)
	require.NoError(t, err, "seed %d, the nodes' logs are in %s", cfg.Seed, cfg.Dir)
	t.Log(report)
	require.True(t, report.Passed(), "seed %d", cfg.Seed)
	require.NoError(t, os.RemoveAll(cfg.Dir))
}
