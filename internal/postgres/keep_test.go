package postgres

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// locked is a buffer that a logger and a test may use at once.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const keepPatience = time.Minute

// A server that ends by itself is logged, with its last words, and comes back with its data on its port.
//
// Acceptance: A-428.
func TestKeepStartsAServerThatEndedByItself(t *testing.T) {
	t.Parallel()
	var log locked
	c := startCluster(t, ClusterConfig{
		Logger:   slog.New(slog.NewTextHandler(&log, nil)),
		Settings: map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"},
	})
	keep(t, c.DSN())
	_, err := connect(t, c.DSN()).Exec(t.Context(), "SELECT 1 / 0") // stands in its log
	require.Error(t, err)
	ctx, stop := context.WithCancel(t.Context())
	kept := make(chan error, 1)
	go func() { kept <- c.Keep(ctx) }()

	dsn := c.DSN()
	for range 2 {
		p, _ := c.running()
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGKILL))
		<-p.done
		require.Eventually(t, func() bool {
			conn, err := pgx.Connect(t.Context(), dsn)
			return err == nil && conn.Close(t.Context()) == nil
		}, keepPatience, pollInterval)
		requireKept(t, dsn)
	}
	require.Contains(t, log.String(), "the embedded PostgreSQL has ended by itself")
	require.Contains(t, log.String(), "signal: killed")
	require.Contains(t, log.String(), "division by zero")
	require.NotContains(t, log.String(), c.password)
	stop()
	require.NoError(t, <-kept)
}

// Acceptance: A-428.
func TestKeepGivesUpWhereTheServerCannotBe(t *testing.T) {
	t.Parallel()
	var log locked
	c := startCluster(t, ClusterConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	p, _ := c.running()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGKILL))
	<-p.done
	require.True(t, c.ended(t.Context(), p))
	programs := c.binaries
	c.binaries.dir = "/nowhere"
	k := keeper{cluster: c, delay: time.Millisecond, most: time.Millisecond}
	require.ErrorContains(t, k.restart(t.Context()), "10 times in a row")
	require.Contains(t, log.String(), "the embedded PostgreSQL does not start")
	c.binaries = programs
}

// Stopping, killing and restarting the server is not logged as an end.
func TestKeepLeavesAloneWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	var log locked
	c := startCluster(t, ClusterConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	kept := make(chan error, 1)
	go func() { kept <- c.Keep(t.Context()) }()
	require.NoError(t, c.Restart(t.Context()))
	require.NoError(t, c.Stop(t.Context()))
	require.NoError(t, <-kept)
	require.NotContains(t, log.String(), "by itself")
}
