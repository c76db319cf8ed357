package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/cli"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// measure runs a bench and returns its figures by their names.
func measure(t *testing.T, args ...string) map[string]bench.Figure {
	t.Helper()
	var out, progress bytes.Buffer
	code := cli.Run(t.Context(), append([]string{"bench"}, append(args, "--json")...), &out, &progress)
	require.Zero(t, code, progress.String())
	require.NotEmpty(t, progress.String())
	figures := map[string]bench.Figure{}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var f bench.Figure
		require.NoError(t, json.Unmarshal(lines.Bytes(), &f), lines.Text())
		require.NotEmpty(t, f.Conditions, f.Name)
		require.Positive(t, f.Runs, f.Name)
		require.NotContains(t, figures, f.Name)
		figures[f.Name] = f
	}
	return figures
}

// requireRatios checks that these figures were measured beside their baselines.
func requireRatios(t *testing.T, figures map[string]bench.Figure, names ...string) {
	t.Helper()
	for _, name := range names {
		require.Contains(t, figures, name)
		f := figures[name]
		require.Positive(t, f.Value, name)
		require.Positive(t, f.Baseline, name)
		require.InEpsilon(t, f.Value/f.Baseline, f.Ratio, 1e-9, name)
	}
}

// Acceptance.
func TestBenchLatency(t *testing.T) {
	t.Parallel()
	figures := measure(t, "latency", "--database-url="+pgtest.New(t).DSN(), "--events=20", "--pause=1ms",
		"--rates=400,2000", "--writers=3", "--runs=2", "--duration=100ms")
	requireRatios(t, figures, "latency_p50", "latency_p95", "latency_p99", "latency_400_p99", "latency_2000_p99")
	require.Contains(t, figures, "latency_400_p50") // with so few events, it may be 0
	require.Contains(t, figures, "latency_2000_p50")
	require.Len(t, figures, 11)
	require.Equal(t, 2, figures["latency_400_p99"].Runs)
	require.EqualValues(t, 3, figures["latency_400_p99"].Conditions["writers"])
}

// Acceptance: A-402.
func TestBenchPublish(t *testing.T) {
	t.Parallel()
	figures := measure(t, "publish", "--database-url="+pgtest.New(t).DSN(), "--writers=1,3",
		"--runs=2", "--duration=40ms")
	requireRatios(t, figures, "publish_1", "publish_paused_1", "publish_notify_1", "plain_notify_1", "publish_3",
		"publish_notify_3", "plain_notify_3")
	require.Len(t, figures, 8)
	require.InDelta(t, figures["publish_3"].Value, figures["publish_notify_3"].Baseline, 0, "what arming saves")
	require.InDelta(t, figures["publish_3"].Baseline, figures["plain_notify_3"].Baseline, 0)
	conditions := figures["publish_3"].Conditions
	require.Len(t, conditions["ratios"], 2)
	require.EqualValues(t, 3, conditions["writers"])
	require.InDelta(t, conditions["row_bytes"], conditions["plain_row_bytes"], 4)
	require.Greater(t, conditions["outbox_bytes"], 0.0)
}

// Acceptance: A-403.
func TestBenchRelay(t *testing.T) {
	t.Parallel()
	figures := measure(t, "relay", "--database-url="+pgtest.New(t).DSN(), "--events=3000", "--groups=100", "--runs=2")
	requireRatios(t, figures, "relay_rate", "relay_wal")
	for _, name := range []string{"relay_cpu_server", "relay_cpu_postgres", "relay_peak_resident"} {
		require.Contains(t, figures, name)
		require.Positive(t, figures[name].Value, name)
	}
	require.Len(t, figures, 5)
	conditions := figures["relay_rate"].Conditions
	require.EqualValues(t, 6000, conditions["entries"])
	require.EqualValues(t, 95, conditions["orders"])
	require.EqualValues(t, 5, conditions["restaurants"])
	require.Equal(t, "off", conditions["fsync"], "as the tests' databases are")
}

// Acceptance: A-405.
func TestBenchFanout(t *testing.T) {
	t.Parallel()
	figures := measure(t, "fanout", "--members=3,1", "--windows=1,4", "--stuck=2", "--duration=20ms", "--runs=2")
	requireRatios(t, figures, "fanout_1_window_1", "fanout_1_window_4", "fanout_3_window_1", "fanout_3_window_4",
		"fanout_2_window_1_stuck", "fanout_2_window_4_stuck")
	require.Len(t, figures, 6)
	require.EqualValues(t, 3, figures["fanout_3_window_4"].Conditions["members"])
	require.EqualValues(t, 200, figures["fanout_3_window_4"].Conditions["payload_bytes"])
	require.EqualValues(t, 204, figures["fanout_3_window_4"].Conditions["frame_bytes"])
}

// Acceptance: A-406.
func TestBenchIdle(t *testing.T) {
	t.Parallel()
	figures := measure(t, "idle", "--database-url="+pgtest.New(t).DSN(), "--connections=60", "--settle=10ms")
	requireRatios(t, figures, "idle_connect_rate")
	for _, name := range []string{"idle_resident", "idle_resident_at_once", "idle_goroutines", "idle_connect_cpu"} {
		require.Contains(t, figures, name) // with so few, the figure means nothing
	}
	require.Len(t, figures, 5)
	require.Greater(t, figures["idle_goroutines"].Value, 0.5)
}

// Acceptance.
func TestBenchInvoke(t *testing.T) {
	t.Parallel()
	figures := measure(t, "invoke", "--database-url="+pgtest.New(t).DSN(), "--connections=2", "--window=4", "--orders=3",
		"--runs=2", "--duration=50ms")
	requireRatios(t, figures, "invoke_per_cpu_second", "invoke_rate")
	require.Len(t, figures, 2)
}

// Acceptance.
func TestBenchStorm(t *testing.T) {
	t.Parallel()
	figures := measure(t, "storm", "--database-url="+pgtest.New(t).DSN(), "--clients=5", "--orders=2", "--events=3",
		"--quiet=50ms", "--runs=2")
	requireRatios(t, figures, "storm_last", "storm_client_p50", "storm_client_p99")
	require.Contains(t, figures, "storm_transactions")
	require.Len(t, figures, 4)
	require.Equal(t, []any{5.0, 5.0}, figures["storm_last"].Conditions["resumed_from_ring"])
}

// Acceptance.
func TestBenchReplay(t *testing.T) {
	t.Parallel()
	figures := measure(t, "replay", "--database-url="+pgtest.New(t).DSN(), "--clients=1,4", "--events=30",
		"--runs=2", "--duration=5ms")
	requireRatios(t, figures, "replay_ring_1", "replay_ring_1_client", "replay_log_1",
		"replay_log_1_client", "replay_log_1_sql",
		"replay_ring_4", "replay_ring_4_client", "replay_log_4", "replay_log_4_client", "replay_log_4_sql")
	require.Len(t, figures, 10)
	require.InDelta(t, figures["replay_log_4"].Value, figures["replay_log_4_sql"].Value, 0)
	require.InDelta(t, figures["replay_log_4"].Baseline, figures["replay_ring_4"].Baseline, 0)
	require.Greater(t, figures["replay_ring_4"].Conditions["frame_bytes"], 300.0)
	require.Positive(t, figures["replay_ring_4"].Conditions["client_p99_ms"])
}

func TestBenchesRefuseWhatTheyCannotMeasure(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"more than zero":  {"fanout", "--members=0"},
		"between 179 and": {"fanout", "--payload=10"},
		"two groups":      {"relay", "--groups=1", "--database-url=postgres://nowhere"},
		"--server-pid": {
			"invoke", "--url=http://127.0.0.1:1", "--database-url=postgres://nowhere",
			"--jwt-secret=secret",
		},
	} {
		var out, said bytes.Buffer
		require.NotZero(t, cli.Run(t.Context(), append([]string{"bench"}, args...), &out, &said), name)
		require.Contains(t, said.String(), name)
		require.Empty(t, out.String())
	}
}
