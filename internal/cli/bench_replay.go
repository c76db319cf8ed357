package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/bench/crowd"
)

type benchReplayCmd struct {
	benchDatabase
	benchOutput

	Clients  []int         `default:"1,50" placeholder:"N,…" help:"Numbers of clients that resume at the same time, each of an order of its own (${default})."`
	Events   int           `default:"1000" placeholder:"N" help:"Events that each has missed (${default})."`
	Runs     int           `default:"5" help:"Runs of each, with the baselines in between (${default})."`
	Duration time.Duration `default:"1s" help:"Least length of a run, for each node and baseline (${default})."`
}

func (c *benchReplayCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if err := positive(append([]int{c.Events, c.Runs, len(c.Clients)}, c.Clients...)...); err != nil {
		return err
	}
	self, err := ownProgram()
	if err != nil {
		return err
	}
	stop, err := c.startDatabase(ctx, logger, s)
	if err != nil {
		return err
	}
	defer stop()
	b := crowd.Replay{
		Program: self, DSN: c.DatabaseURL, Clients: c.Clients, Events: c.Events, Runs: c.Runs,
		Duration: c.Duration, Progress: s.progress,
		Start: func(ctx context.Context, settings ...string) (bench.Server, error) {
			return startServer(ctx, c.DatabaseURL, settings...)
		},
	}
	figures, err := b.Run(ctx)
	return c.print(s, figures, err)
}
