package cli

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/bench/crowd"
)

type benchIdleCmd struct {
	benchProcess
	benchOutput

	Connections int           `default:"10000" placeholder:"N" help:"Connections that are opened (${default})."`
	Settle      time.Duration `default:"5m" help:"How long is waited at most for the server's second garbage collection at rest: Go does one every two minutes (${default})."`
	Runs        int           `default:"1" help:"Runs, each of a server and a baseline of its own (${default})."`
	Dial        int           `default:"256" placeholder:"N" help:"Connections that are opened at a time (${default})."`
}

func (c *benchIdleCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if err := errors.Join(c.check(), positive(c.Connections, c.Runs, c.Dial)); err != nil {
		return err
	}
	self, err := ownProgram()
	if err != nil {
		return err
	}
	start := c.startServer
	if c.URL == "" {
		stop, err := c.startDatabase(ctx, logger, s)
		if err != nil {
			return err
		}
		defer stop()
	} else {
		if c.Runs > 1 {
			return errors.New("a server that runs already can be measured once: its memory is not as it was, --runs must be 1")
		}
		server, stop, err := c.start(ctx, logger, s)
		if err != nil {
			return err
		}
		defer stop()
		start = func(context.Context) (bench.Server, error) { return server, nil }
	}
	b := crowd.Idle{
		Program: self, Start: start, Connections: c.Connections, Dial: c.Dial, Settle: c.Settle,
		Runs: c.Runs, Progress: s.progress,
	}
	figures, err := b.Run(ctx)
	return c.print(s, figures, err)
}
