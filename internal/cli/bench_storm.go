package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/yummyzoom/herald/internal/bench/crowd"
)

type benchStormCmd struct {
	benchTarget
	benchOutput

	Clients int           `default:"10000" placeholder:"N" help:"Clients that lose their connections and come back (${default})."`
	Orders  int           `default:"1000" placeholder:"N" help:"Orders that they follow, one each (${default})."`
	Events  int           `default:"20" placeholder:"N" help:"Events of each order that they miss (${default})."`
	Dial    int           `default:"256" placeholder:"N" help:"Clients that are on their way back at a time (${default})."`
	Quiet   time.Duration `default:"12s" help:"Quiet time before a storm, whose queries are subtracted; PostgreSQL's counters are ten seconds late (${default})."`
	Runs    int           `default:"3" help:"Storms (${default})."`
}

func (c *benchStormCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if err := positive(c.Clients, c.Orders, c.Events, c.Dial, c.Runs); err != nil {
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
	b := crowd.Storm{
		Program: self, Server: server, DSN: c.DatabaseURL, Clients: c.Clients, Orders: c.Orders,
		Events: c.Events, Dial: c.Dial,
		Quiet: c.Quiet, Runs: c.Runs, Progress: s.progress,
	}
	figures, err := b.Run(ctx)
	return c.print(s, figures, err)
}
