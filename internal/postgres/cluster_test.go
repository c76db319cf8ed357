package postgres

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// reachableDir is a temporary directory that the server's account can enter, unlike t.TempDir's.
func reachableDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	return dir
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func startCluster(t *testing.T, config ClusterConfig) *Cluster {
	t.Helper()
	config.Disposable = true
	if config.Logger == nil {
		config.Logger = discard()
	}
	if config.DataDir == "" {
		config.DataDir = reachableDir(t)
	}
	c, err := StartCluster(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop(context.WithoutCancel(t.Context()))) })
	return c
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// keep writes the row that requireKept reads.
func keep(t *testing.T, dsn string) {
	t.Helper()
	_, err := connect(t, dsn).Exec(t.Context(), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
	require.NoError(t, err)
}

func requireKept(t *testing.T, dsn string) {
	t.Helper()
	require.Equal(t, 42, scan[int](t, dsn, "SELECT n FROM kept"))
}

func scan[T any](t *testing.T, dsn, sql string) T {
	t.Helper()
	var v T
	require.NoError(t, connect(t, dsn).QueryRow(t.Context(), sql).Scan(&v))
	return v
}

func TestClusterAnswersOnSocketAndLoopback(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})

	require.Equal(t, "herald", scan[string](t, c.DSN(), "SELECT current_database()"))
	require.Equal(t, "herald", scan[string](t, c.SocketDSN(), "SELECT current_database()"))
	require.Equal(t, "UTF8", scan[string](t, c.DSN(), "SHOW server_encoding"))
	require.GreaterOrEqual(t, c.Version(), OldestVersion)
}

// Acceptance: A-413.
func TestClusterRefusesLoopbackWithoutPassword(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})

	u, err := url.Parse(c.DSN())
	require.NoError(t, err)
	u.User = url.UserPassword("herald", "wrong")
	_, err = pgx.Connect(t.Context(), u.String())
	require.ErrorContains(t, err, "password authentication failed")
	for _, name := range []string{passwordFile, logFile, lockFile} {
		info, err := os.Stat(filepath.Join(c.Location(), name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}

// Acceptance: A-420.
func TestClusterKeepsDataAndPortOverProcesses(t *testing.T) {
	t.Parallel()
	dir := reachableDir(t)
	first := startCluster(t, ClusterConfig{DataDir: dir})
	keep(t, first.DSN())
	require.NoError(t, first.Stop(t.Context()))
	require.NoError(t, first.Stop(t.Context()), "a second time")

	second := startCluster(t, ClusterConfig{DataDir: dir})
	requireKept(t, second.DSN())
	require.Equal(t, first.DSN(), second.DSN())
}

func TestClusterTakesAnotherPortWhenItsOwnIsTaken(t *testing.T) {
	t.Parallel()
	dir := reachableDir(t)
	first := startCluster(t, ClusterConfig{DataDir: dir})
	require.NoError(t, first.Stop(t.Context()))
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: first.Port()})
	require.NoError(t, err)
	defer l.Close()

	second := startCluster(t, ClusterConfig{DataDir: dir})
	require.NotEqual(t, first.Port(), second.Port())
}

// Acceptance: A-420.
func TestClusterSurvivesKill(t *testing.T) {
	t.Parallel()
	c := startCluster(t,
		ClusterConfig{Settings: map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}})
	keep(t, c.DSN())
	dsn, done := c.DSN(), c.Done()

	require.NoError(t, c.Kill(t.Context()))
	<-done
	_, err := pgx.Connect(t.Context(), dsn)
	require.Error(t, err)

	require.NoError(t, c.Restart(t.Context()))
	require.Equal(t, dsn, c.DSN())
	requireKept(t, dsn)
}

func TestClusterRestartsAfterStop(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	require.NoError(t, c.Stop(t.Context()))
	<-c.Done()
	require.NoError(t, c.Restart(t.Context()))
	require.Equal(t, 1, scan[int](t, c.DSN(), "SELECT 1"))
}

func TestClusterStopsWhileConnectionsAreOpen(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	conn := connect(t, c.DSN())
	_, err := conn.Exec(t.Context(), "BEGIN")
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, c.Stop(ctx))
	require.NoFileExists(t, filepath.Join(c.Location(), dataDir, "postmaster.pid"))
}

func TestClusterHasOneUser(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})

	_, err := StartCluster(t.Context(), ClusterConfig{DataDir: c.config.DataDir, Logger: discard()})
	require.ErrorIs(t, err, ErrClusterInUse)
	require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
	require.Equal(t, 1, scan[int](t, c.DSN(), "SELECT 1"), "the first is unharmed")
}

// abandon runs a server on c's data as a killed Herald leaves it behind: alive, with the lock free.
func abandon(t *testing.T, c *Cluster) *exec.Cmd {
	t.Helper()
	require.NoError(t, c.Stop(t.Context()))
	require.NoError(t, c.openSockets())
	args := []string{"-D", c.home.path(dataDir)}
	for name, value := range c.settings() {
		args = append(args, "-c", name+"="+value)
	}
	orphan := c.account.command(context.Background(), "/", c.binaries.path("postgres"), args...)
	require.NoError(t, orphan.Start())
	t.Cleanup(func() { _ = orphan.Process.Kill() })
	pidFile := c.home.path(dataDir + "/postmaster.pid")
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(pidFile)
		return err == nil && bytes.Contains(text, []byte("ready"))
	}, 20*time.Second, pollInterval)
	return orphan
}

func TestClusterTakesOverFromAnOrphan(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	keep(t, c.DSN())
	orphan := abandon(t, c)
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()

	var log bytes.Buffer
	next := startCluster(t, ClusterConfig{DataDir: c.config.DataDir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, <-ended, "shut down in order")
	require.Contains(t, log.String(), "left running")
	requireKept(t, next.DSN())
}

func TestClusterStartsBesideAStalePidFile(t *testing.T) {
	t.Parallel()
	for name, pid := range map[string]int{
		"a dead process":    1 << 22,      // above the largest process number
		"another program":   os.Getppid(), // alive, not ours
		"of its own user":   -1,           // filled in below
		"an unreadable one": 0,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, ClusterConfig{})
			require.NoError(t, c.Stop(t.Context()))
			if pid == -1 {
				other := c.account.command(t.Context(), "/", "/bin/sleep", "600")
				require.NoError(t, other.Start())
				t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
				pid = other.Process.Pid
			}
			file := c.home.path(dataDir + "/postmaster.pid")
			text := strconv.Itoa(pid) + "\n" + c.home.path(dataDir) + "\n1700000000\n5432\n/tmp\n127.0.0.1\n  1  1\nready\n"
			if pid == 0 {
				text = "nonsense"
			}
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			require.NoError(t, c.account.own(file))

			next := startCluster(t, ClusterConfig{DataDir: c.config.DataDir})
			require.Equal(t, 1, scan[int](t, next.DSN(), "SELECT 1"))
		})
	}
}

func TestClusterIgnoresTerminalSignals(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	group, err := syscall.Getpgid(c.process.cmd.Process.Pid)
	require.NoError(t, err)
	require.NotEqual(t, syscall.Getpgrp(), group)
}

func TestClusterTellsWhyItDidNotStart(t *testing.T) {
	t.Parallel()
	_, err := StartCluster(t.Context(), ClusterConfig{
		DataDir: reachableDir(t), Disposable: true, Logger: discard(),
		Settings: map[string]string{"shared_buffers": "a lot"},
	})
	require.ErrorContains(t, err, "shared_buffers")
	require.NotErrorIs(t, err, ErrClusterInUse)
}

func TestClusterOutlivesItsStartContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c, err := StartCluster(ctx, ClusterConfig{DataDir: reachableDir(t), Disposable: true, Logger: discard()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop(context.WithoutCancel(t.Context()))) })
	cancel()
	require.Equal(t, 1, scan[int](t, c.DSN(), "SELECT 1"))
}

func TestClusterWithALongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(reachableDir(t), strings.Repeat("long/", 30))
	c := startCluster(t, ClusterConfig{DataDir: dir})
	require.Equal(t, 1, scan[int](t, c.SocketDSN(), "SELECT 1"))
	require.NoError(t, c.Stop(t.Context()))
	require.NoDirExists(t, c.sockets)
}

func TestClusterSaysThatItsServerEnded(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	require.NoError(t, c.process.cmd.Process.Signal(syscall.SIGINT))
	<-c.Done()
	require.NoError(t, c.Restart(t.Context()))
	require.Equal(t, 1, scan[int](t, c.DSN(), "SELECT 1"))
}
