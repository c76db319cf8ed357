package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/config"
)

const (
	benchReadyTimeout = 30 * time.Second
	benchStopTimeout  = 15 * time.Second
	benchReadyPoll    = 50 * time.Millisecond
	benchTokenLife    = 24 * time.Hour
	benchProgress     = 250 // events between two lines of progress
)

type benchCmd struct {
	Latency benchLatencyCmd `cmd:"" help:"From the producer's COMMIT to the client's handler, one event at a time."`
}

// benchTarget is what a bench measures: what it is pointed at, else what it starts by itself.
type benchTarget struct {
	DatabaseURL string `env:"HERALD_DATABASE_URL" placeholder:"URL" help:"Database of the server that is measured. Without it an embedded one and a server process are started."`
	URL         string `env:"HERALD_URL" placeholder:"URL" help:"The server that is measured; needs --database-url and HERALD_JWT_SECRET."`
	JWTSecret   string `name:"jwt-secret" env:"HERALD_JWT_SECRET" placeholder:"SECRET" help:"Key of the server that is measured."`
	PostgresBin string `env:"HERALD_POSTGRES_BIN" placeholder:"DIR" help:"Folder of the PostgreSQL server binaries."`
	JSON        bool   `name:"json" help:"Print one JSON object a line and figure."`
}

type benchLatencyCmd struct {
	benchTarget

	Events int           `default:"1000" help:"Events that are measured (${default})."`
	Pause  time.Duration `default:"20ms" help:"Longest pause between two events; each is random (${default})."`
}

func (c *benchLatencyCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	stop, err := c.start(ctx, logger, s)
	if err != nil {
		return err
	}
	defer stop()
	order := uuid.New()
	token, err := auth.Mint(c.JWTSecret, auth.Grant{
		Subject: "bench", Permissions: []string{"OrderOwner:" + order.String()}, TTL: benchTokenLife,
	})
	if err != nil {
		return err
	}
	l := bench.Latency{
		DSN: c.DatabaseURL, URL: c.URL, Token: token, Order: order, Events: c.Events, Pause: c.Pause,
		Progress: func(done int) {
			if done%benchProgress == 0 {
				_, _ = fmt.Fprintf(s.err, "%d of %d events\n", done, c.Events)
			}
		},
	}
	figures, err := l.Run(ctx)
	if err != nil {
		return err
	}
	return bench.Print(s.out, figures, c.JSON)
}

// start fills the target in, starting a database and a server process of the bench's own where it is not pointed at any.
func (c *benchTarget) start(ctx context.Context, logger *slog.Logger, s *streams) (stop func(), err error) {
	if c.URL != "" {
		if c.DatabaseURL == "" || c.JWTSecret == "" {
			return nil, errors.New("--url needs --database-url and HERALD_JWT_SECRET of the same server")
		}
		return func() {}, nil
	}
	var stops []func()
	stop = func() {
		for _, stop := range slices.Backward(stops) {
			stop()
		}
	}
	if c.DatabaseURL == "" {
		dir, err := os.MkdirTemp("", "herald-bench-")
		if err != nil {
			return nil, fmt.Errorf("making a directory for the bench's database: %w", err)
		}
		stops = append(stops, func() { _ = os.RemoveAll(dir) })
		if err := os.Chmod(dir, dataDirMode); err != nil {
			stop()
			return nil, fmt.Errorf("opening the bench's directory to the database's user: %w", err)
		}
		_, _ = fmt.Fprintln(s.err, "starting a database and a server for the bench")
		url, stopDatabase, err := database(ctx, config.Database{DataDir: filepath.Join(dir, "data"), PostgresBin: c.PostgresBin}, logger)
		if err != nil {
			stop()
			return nil, err
		}
		stops = append(stops, stopDatabase)
		c.DatabaseURL = url
	}
	if err := migrate(ctx, c.DatabaseURL, logger); err != nil {
		stop()
		return nil, err
	}
	c.JWTSecret = strings.Repeat("bench", 8) //nolint:mnd // 40 bytes
	stopServer, err := c.startServer(ctx)
	if err != nil {
		stop()
		return nil, err
	}
	stops = append(stops, stopServer)
	return stop, nil
}

// startServer runs this program's serve as a process of its own, as it runs in production.
func (c *benchTarget) startServer(ctx context.Context) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	c.URL = "http://" + address
	server := exec.CommandContext(context.WithoutCancel(ctx), self, "serve", "--listen", address, "--log-level", "warn")
	server.Env = append(os.Environ(), "HERALD_DATABASE_URL="+c.DatabaseURL, "HERALD_JWT_SECRET="+c.JWTSecret)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	ended := make(chan struct{})
	go func() { _ = server.Wait(); close(ended) }()
	stop = func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(benchStopTimeout):
			_ = server.Process.Kill()
			<-ended
		}
	}
	if err := awaitReady(ctx, c.URL, ended); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func freeAddress(ctx context.Context) (string, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
