package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// pollInterval is the pause between two looks at a server that is starting or ending.
	pollInterval = 20 * time.Millisecond
	// attemptTimeout bounds one attempt to connect to a server that is starting.
	attemptTimeout = 5 * time.Second
	// portAttempts bounds how many ports are tried when other processes take them between choosing and binding.
	portAttempts = 5
	// logLimit is the size from which a start begins the server's log anew.
	logLimit = 10 << 20
	// logTail is how many lines of the server's log an error quotes.
	logTail = 20
)

// settings are the cluster's own: local, durable, and quick to answer. Names and values exist in PostgreSQL 15 to
// 18.
func (c *Cluster) settings() map[string]string {
	s := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(c.port),
		"unix_socket_directories": c.sockets,
		"unix_socket_permissions": "0700",
		"max_connections":         "200",
		"shared_buffers":          "128MB",
		"jit":                     "off", // compiling costs more than Herald's short queries
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_checkpoints":         "off",
		"log_line_prefix":         "%m [%p] %d ",
		"logging_collector":       "off", // the log is the process's standard error, which is a file
	}
	if c.config.Disposable {
		maps.Copy(s, map[string]string{
			"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
			"max_connections": "500", // many test databases at once
		})
	}
	maps.Copy(s, c.config.Settings)
	return s
}

// start runs the server and waits until it accepts connections. With keepPort it uses only the present port.
func (c *Cluster) start(ctx context.Context, keepPort bool) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.StartTimeout)
	defer cancel()
	if err := c.openSockets(); err != nil {
		return err
	}
	began := time.Now()
	for attempt := 1; ; attempt++ {
		if !keepPort {
			if err := c.choosePort(attempt); err != nil {
				return err
			}
		}
		quoted, err := c.startOnce(ctx)
		switch {
		case err == nil:
			c.config.Logger.InfoContext(ctx, "the embedded PostgreSQL is ready", slog.Int("version", c.binaries.major),
				slog.Int("port", c.port), slog.String("location", c.home.dir), slog.Duration("took", time.Since(began)))
			return c.ensureDatabase(ctx)
		// The processes of a killed server take a moment to notice its death and to release its memory.
		case strings.Contains(quoted, "pre-existing shared memory block") && ctx.Err() == nil:
			if pause(ctx, 10*pollInterval) == nil {
				continue
			}
		case strings.Contains(quoted, "Address already in use") && !keepPort && c.config.Port == 0 && attempt < portAttempts:
			continue
		}
		c.forget()
		return err
	}
}

// startOnce runs the server once. Where that fails, quoted is what the server logged.
func (c *Cluster) startOnce(ctx context.Context) (quoted string, err error) {
	log, begin, err := c.openLog()
	if err != nil {
		return "", err
	}
	defer func() { _ = log.Close() }() // the server has its own descriptor
	args := []string{"-D", c.home.path(dataDir)}
	settings := c.settings()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	cmd := c.account.command(context.WithoutCancel(ctx), c.home.path(dataDir), c.binaries.path("postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := startProcess(cmd)
	if err != nil {
		return "", fmt.Errorf("starting %s: %w", c.binaries.path("postgres"), err)
	}
	if err := c.awaitReady(ctx, p); err != nil {
		_ = p.end(ctx, endSignalHard) // the cause is err
		quoted = c.logged(begin)
		return quoted,
			fmt.Errorf("starting the embedded PostgreSQL in %s: %w; its log ends:\n%s", c.home.dir, err, lastLines(quoted))
	}
	c.process, c.began, c.logBegin = p, time.Now(), begin
	return "", nil
}

// awaitReady returns nil as soon as the server accepts connections.
func (c *Cluster) awaitReady(ctx context.Context, p *process) error {
	for {
		connectCtx, cancel := context.WithTimeout(ctx, attemptTimeout)
		conn, err := pgx.Connect(connectCtx, c.socketDSN("postgres"))
		cancel()
		if err == nil {
			return conn.Close(ctx) //nolint:wrapcheck // the caller wraps
		}
		select {
		case <-p.done:
			return fmt.Errorf("the server ended: %w", p.err)
		case <-ctx.Done():
			return fmt.Errorf("it did not accept connections in time: %w", err)
		case <-time.After(pollInterval):
		}
	}
}

func (c *Cluster) ensureDatabase(ctx context.Context) error {
	config, err := ConnConfig(c.socketDSN("postgres"))
	if err != nil {
		return err
	}
	conn, err := Connect(ctx, config)
	if err != nil {
		return fmt.Errorf("connecting to the embedded PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)",
		database).Scan(&exists); err != nil {
		return fmt.Errorf("looking for the database %s: %w", database, err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize()); err != nil {
		return fmt.Errorf("creating the database %s: %w", database, err)
	}
	return nil
}

// choosePort takes the configured port; else, at the first attempt, the last start's; else a free one. It remembers
// the port.
func (c *Cluster) choosePort(attempt int) error {
	if c.config.Port != 0 {
		c.port = c.config.Port
		return nil
	}
	text, _ := os.ReadFile(c.home.path(portFile)) // absent at the first start
	last, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if attempt == 1 && err == nil && portIsFree(last) {
		c.port = last
		return nil
	}
	if c.port, err = freePort(); err != nil {
		return err
	}
	if err := os.WriteFile(c.home.path(portFile), []byte(strconv.Itoa(c.port)+"\n"), 0o600); err != nil {
		return fmt.Errorf("keeping the port: %w", err)
	}
	return nil
}

// freePort returns a port below the range that systems hand out by themselves, so that no other process gets it
// while the server restarts.
func freePort() (int, error) {
	const lowest, highest, attempts = 15000, 32000, 100
	for range attempts {
		port := lowest + rand.IntN(highest-lowest) //nolint:gosec // not a secret
		if portIsFree(port) {
			return port, nil
		}
	}
	return 0, errors.New("no free port found on 127.0.0.1")
}

func portIsFree(port int) bool {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// openLog opens the server's log for appending and returns where this start's part begins.
func (c *Cluster) openLog() (*os.File, int64, error) {
	if info, err := os.Stat(c.LogFile()); err == nil && info.Size() > logLimit {
		_ = os.Rename(c.LogFile(), c.LogFile()+".old") // where this fails the log goes on growing
	}
	f, err := os.OpenFile(c.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("opening the server's log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, fmt.Errorf("opening the server's log: %w", err)
	}
	return f, info.Size(), nil
}

func (c *Cluster) logged(begin int64) string {
	text, err := os.ReadFile(c.LogFile())
	if err != nil || begin > int64(len(text)) {
		return ""
	}
	return string(text[begin:])
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-logTail):], "\n")
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
