package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/yummyzoom/herald/internal/bench/crowd"
)

type benchInvokeCmd struct {
	benchProcess
	benchOutput

	Connections int           `default:"16" placeholder:"N" help:"Connections that call (${default})."`
	Window      int           `default:"32" placeholder:"N" help:"Calls of one connection that may be without their answer (${default})."`
	Orders      int           `default:"16" placeholder:"N" help:"Orders that are subscribed to, over and over (${default})."`
	Runs        int           `default:"5" help:"Runs, after as many of the baseline (${default})."`
	Duration    time.Duration `default:"5s" help:"Length of a run (${default})."`
}

func (c *benchInvokeCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if err := positive(c.Connections, c.Window, c.Orders, c.Runs); err != nil {
		return err
	}
	self, err := ownProgram()
	if err != nil {
		return err
	}
	server, stop, err := c.start(ctx, logger, s)
	if err != nil {
		return err
	}
	defer stop()
	b := crowd.Invoke{
		Program: self, Server: server, Connections: c.Connections, Window: c.Window, Orders: c.Orders,
		Runs: c.Runs, Duration: c.Duration,
		Progress: s.progress,
	}
	figures, err := b.Run(ctx)
	return c.print(s, figures, err)
}
