package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	dataDirDefault      = ".herald"
	startTimeoutDefault = 2 * time.Minute // crash recovery included
	stopTimeoutDefault  = 30 * time.Second
	repositoryDefault   = "https://repo1.maven.org/maven2"

	// killTimeout bounds the wait for a process that has been told to end at once.
	killTimeout = 5 * time.Second

	superuser = "herald"
	database  = "herald"
)

// ClusterConfig says where a private cluster lies and how it is run.
type ClusterConfig struct {
	// DataDir is the directory that the cluster lives under. Defaults to ".herald".
	DataDir string
	// BinDir holds the server binaries postgres and initdb. Defaults to those on PATH, else the newest supported ones
	// in the usual places, else they are downloaded.
	BinDir string
	// Port is the TCP port on 127.0.0.1. Defaults to that of the last start where it is still free, else to a free one.
	Port int
	// Settings are server settings by name, ahead of the cluster's own. Defaults to none.
	Settings map[string]string
	// Disposable says that the data need not survive a crash: nothing is ever synced to disk. Defaults to false.
	Disposable bool
	// StartTimeout bounds the wait for the server to accept connections. Defaults to 2 minutes.
	StartTimeout time.Duration
	// StopTimeout bounds an orderly shutdown; after it the server is stopped hard. Defaults to 30 seconds.
	StopTimeout time.Duration
	// Repository is the Maven repository that server binaries are downloaded from. Defaults to Maven Central.
	Repository string
	// Logger receives the progress. Defaults to slog.Default().
	Logger *slog.Logger

	elsewhere string // see locate; the tests have one of their own
}

func (c ClusterConfig) withDefaults() ClusterConfig {
	c.DataDir = cmp.Or(c.DataDir, dataDirDefault)
	c.StartTimeout = cmp.Or(c.StartTimeout, startTimeoutDefault)
	c.StopTimeout = cmp.Or(c.StopTimeout, stopTimeoutDefault)
	c.Repository = cmp.Or(c.Repository, repositoryDefault)
	c.elsewhere = cmp.Or(c.elsewhere, elsewhereDefault)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return c
}

// ErrClusterInUse says that another living process has started the cluster of this data directory.
var ErrClusterInUse = errors.New("the data directory is in use by another process")

// Cluster is a PostgreSQL server that runs as a child of this process.
type Cluster struct {
	config   ClusterConfig
	home     home
	account  account
	binaries binaries
	password string
	lock     *os.File

	mu       sync.Mutex
	port     int
	process  *process  // nil when stopped
	began    time.Time // when it was started, and where its part of the log begins
	logBegin int64
	sockets  string // the directory of the Unix socket
}

// StartCluster starts the cluster under config.DataDir, creating it where there is none, and returns when it accepts
// connections. It returns an error that wraps [ErrClusterInUse] while another process runs the cluster. The cluster
// runs until Stop, even when ctx ends.
func StartCluster(ctx context.Context, config ClusterConfig) (*Cluster, error) {
	c := &Cluster{config: config.withDefaults()}
	if err := c.prepare(ctx); err != nil {
		c.unlock()
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.start(ctx, false); err != nil {
		c.unlock()
		return nil, err
	}
	return c, nil
}

// prepare does what a process needs once: the place, the lock, the binaries, the data.
func (c *Cluster) prepare(ctx context.Context) (err error) {
	if c.home, c.account, err = locate(ctx, c.config); err != nil {
		return err
	}
	if c.lock, err = c.home.acquire(); err != nil {
		return err
	}
	major, err := c.home.dataVersion()
	if err != nil {
		return err
	}
	if c.binaries, err = c.findOrDownload(ctx, [][]string{filepath.SplitList(os.Getenv("PATH")), usualPlaces()},
		major); err != nil {
		return err
	}
	if err = c.binaries.usableBy(ctx, c.account); err != nil {
		return err
	}
	if err = c.stopOrphan(ctx); err != nil {
		return err
	}
	if c.password, err = c.home.readPassword(); err != nil {
		return err
	}
	if major == 0 {
		return c.initialize(ctx)
	}
	return c.account.adopt(c.home.path(dataDir))
}

// DSN is the connection string of the database herald, over TCP with the password.
func (c *Cluster) DSN() string { return c.DatabaseDSN(database) }

// DatabaseDSN is DSN for another database of the cluster.
func (c *Cluster) DatabaseDSN(name string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port())),
		Path:     "/" + name,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// SocketDSN is the connection string of the database herald over the Unix socket, which is faster for this process.
func (c *Cluster) SocketDSN() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.socketDSN(database)
}

func (c *Cluster) socketDSN(name string) string {
	query := url.Values{"host": {c.sockets}, "port": {strconv.Itoa(c.port)}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + name, RawQuery: query.Encode()}
	return u.String()
}

// Port is the TCP port on 127.0.0.1. It stays the same over Restart.
func (c *Cluster) Port() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.port
}

// Version is the major version of the server.
func (c *Cluster) Version() int { return c.binaries.major }

// Location is the directory in which the cluster lives.
func (c *Cluster) Location() string { return c.home.dir }

// LogFile is the path of the server's own log.
func (c *Cluster) LogFile() string { return c.home.path(logFile) }

// Done is closed when the running server has ended, by Stop, by Kill, or by itself. Restart makes a new channel.
func (c *Cluster) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		ended := make(chan struct{})
		close(ended)
		return ended
	}
	return c.process.done
}

// Stop shuts the server down in order: connections are cut, transactions rolled back, a checkpoint written. When
// that takes longer than the stop time-out or ctx, the server is stopped hard, and the next start recovers. Stopping
// twice is allowed.
func (c *Cluster) Stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.stop(ctx)
	c.unlock()
	return err
}

func (c *Cluster) stop(ctx context.Context) error {
	if c.process == nil {
		return nil
	}
	c.config.Logger.DebugContext(ctx, "stopping the embedded PostgreSQL", slog.Int("port", c.port))
	stopCtx, cancel := context.WithTimeout(ctx, c.config.StopTimeout)
	defer cancel()
	err := c.process.end(stopCtx, syscall.SIGINT)
	c.forget()
	return err
}

// Kill ends the server at once, as a crash would: nothing is flushed and the next start recovers from the log.
func (c *Cluster) Kill(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return nil
	}
	err := c.process.end(ctx, syscall.SIGQUIT)
	c.forget()
	return err
}

// Restart stops the server where it runs and starts it again on the same port.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.stop(ctx); err != nil {
		return err
	}
	if c.lock == nil { // stopped by Stop before
		var err error
		if c.lock, err = c.home.acquire(); err != nil {
			return err
		}
	}
	return c.start(ctx, true)
}

// forget drops the ended process and the files that it leaves behind.
func (c *Cluster) forget() {
	c.process = nil
	if c.sockets != "" && c.sockets != c.home.path(socketDir) {
		_ = os.RemoveAll(c.sockets) // a temporary directory; at worst it stays empty
	}
}

func (c *Cluster) unlock() {
	if c.lock != nil {
		// Closing alone does not release the lock while a child that is just being started has inherited it.
		_ = syscall.Flock(int(c.lock.Fd()), syscall.LOCK_UN)
		_ = c.lock.Close()
		c.lock = nil
	}
}

// openSockets makes the directory of the Unix socket, within the 100 bytes that a socket's path may have on all
// systems.
func (c *Cluster) openSockets() error {
	const longest = 100 - len("/.s.PGSQL.65535")
	dir := c.home.path(socketDir)
	if len(dir) > longest {
		var err error
		if dir, err = os.MkdirTemp("/tmp", "herald-"); err != nil {
			return fmt.Errorf("making a directory for the database's socket: %w", err)
		}
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making a directory for the database's socket: %w", err)
	}
	c.sockets = filepath.Clean(dir)
	return c.account.own(dir)
}
