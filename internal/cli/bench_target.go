package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/yummyzoom/herald/internal/bench"
)

const (
	benchReadyTimeout = 30 * time.Second
	benchStopTimeout  = 15 * time.Second
	benchReadyPoll    = 50 * time.Millisecond
)

// benchTarget is what a bench measures: the server that flags name, else one that it starts.
type benchTarget struct {
	benchDatabase

	URL       string `placeholder:"URL" help:"The server that is measured; needs --database-url and HERALD_JWT_SECRET."`
	JWTSecret string `name:"jwt-secret" env:"HERALD_JWT_SECRET" placeholder:"SECRET" help:"Key of the server that is measured."`
}

// benchProcess is a target whose process is measured, too.
type benchProcess struct {
	benchTarget

	ServerPID int `name:"server-pid" placeholder:"PID" help:"Process of the server that is measured, on this machine; goes with --url."`
}

// start returns the server to measure. It starts a database and a server unless flags name one.
func (c *benchTarget) start(
	ctx context.Context, logger *slog.Logger, s *streams,
) (server bench.Server, stop func(), err error) {
	if c.URL != "" {
		if c.DatabaseURL == "" || c.JWTSecret == "" {
			return bench.Server{}, nil, errors.New("--url needs --database-url and HERALD_JWT_SECRET of the same server")
		}
		return bench.Server{URL: c.URL, Secret: c.JWTSecret, Stop: func() {}}, func() {}, nil
	}
	stopDatabase, err := c.startDatabase(ctx, logger, s)
	if err != nil {
		return bench.Server{}, nil, err
	}
	server, err = c.startServer(ctx)
	if err != nil {
		stopDatabase()
		return bench.Server{}, nil, err
	}
	return server, func() { server.Stop(); stopDatabase() }, nil
}

// start is that of [benchTarget], and returns the server's process too.
func (c *benchProcess) start(
	ctx context.Context, logger *slog.Logger, s *streams,
) (server bench.Server, stop func(), err error) {
	if err := c.check(); err != nil {
		return bench.Server{}, nil, err
	}
	server, stop, err = c.benchTarget.start(ctx, logger, s)
	if c.URL != "" {
		server.PID = c.ServerPID
	}
	return server, stop, err
}

// check checks that the process to measure is known.
func (c *benchProcess) check() error {
	if (c.URL == "") != (c.ServerPID == 0) {
		return errors.New("--url and --server-pid go together: this bench looks at the server's process")
	}
	return nil
}

// startServer runs this program's serve on the target's database.
func (c *benchTarget) startServer(ctx context.Context) (bench.Server, error) {
	return startServer(ctx, c.DatabaseURL)
}

// startServer runs this program's serve as a process of its own, as in production. settings are NAME=value.
func startServer(ctx context.Context, databaseURL string, settings ...string) (bench.Server, error) {
	self, err := ownProgram()
	if err != nil {
		return bench.Server{}, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return bench.Server{}, err
	}
	secret := strings.Repeat("bench", 8) //nolint:mnd // 40 bytes
	server := exec.CommandContext(context.WithoutCancel(ctx), self, "serve", "--listen", address, "--log-level", "warn")
	server.Env = append(benchEnvironment(os.Environ()), "HERALD_DATABASE_URL="+databaseURL, "HERALD_JWT_SECRET="+secret)
	for _, limit := range []string{
		"MAX_CONNECTIONS", "MAX_CONNECTIONS_PER_USER", "MAX_CONNECTIONS_PER_ADDRESS",
		"NEGOTIATION_RATE", "NEGOTIATION_BURST",
		"INVOCATION_RATE", "INVOCATION_BURST", "MESSAGE_RATE", "MESSAGE_BURST",
		"USER_INVOCATION_RATE", "USER_INVOCATION_BURST", "MAX_UNAUTHENTICATED", "MAX_UNAUTHENTICATED_PER_ADDRESS",
	} {
		// All clients of a bench come from one address. The limits are out of reach instead of off, so that their cost is
		// measured, too.
		server.Env = append(server.Env, "HERALD_"+limit+"=1000000")
	}
	server.Env = append(server.Env, settings...)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		return bench.Server{}, fmt.Errorf("starting the server: %w", err)
	}
	ended := make(chan struct{})
	go func() { _ = server.Wait(); close(ended) }()
	stop := func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(benchStopTimeout):
			_ = server.Process.Kill()
			<-ended
		}
	}
	url := "http://" + address
	if err := awaitReady(ctx, url, ended); err != nil {
		stop()
		return bench.Server{}, err
	}
	return bench.Server{URL: url, PID: server.Process.Pid, Secret: secret, Stop: stop}, nil
}

// benchEnvironment removes the shell's settings that lead a server elsewhere than to the bench: to other databases,
// addresses, keys and nodes. Other settings, such as the size of a queue, stay: they may be what is measured.
func benchEnvironment(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		for _, elsewhere := range []string{
			"HERALD_DATABASE_URL", "HERALD_LISTEN", "HERALD_OPS_LISTEN", "HERALD_DATA_DIR", "HERALD_TLS_", "HERALD_JWT_",
			"HERALD_JWKS_", "HERALD_NODE_",
		} {
			if strings.HasPrefix(name, elsewhere) {
				return true
			}
		}
		return false
	})
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
