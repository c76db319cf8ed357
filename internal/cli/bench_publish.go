package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/yummyzoom/herald/internal/bench/line"
)

type benchPublishCmd struct {
	benchTarget
	benchOutput

	Writers  []int         `default:"1,8,32,64" placeholder:"N,…" help:"Numbers of producers that are measured, each with a connection of its own (${default})."`
	Runs     int           `default:"5" help:"Runs of each, with its baseline in between (${default})."`
	Duration time.Duration `default:"4s" help:"Length of a run, for each of the five kinds of transaction (${default})."`
}

func (c *benchPublishCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if err := positive(append([]int{c.Runs, int(c.Duration)}, c.Writers...)...); err != nil {
		return err
	}
	server, stop, err := c.start(ctx, logger, s)
	if err != nil {
		return err
	}
	defer stop()
	b := line.Publish{
		Server: server, DSN: c.DatabaseURL, Writers: c.Writers, Runs: c.Runs, Duration: c.Duration, Progress: s.progress,
	}
	figures, err := b.Run(ctx)
	return c.print(s, figures, err)
}
