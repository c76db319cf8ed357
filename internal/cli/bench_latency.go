package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/bench/line"
)

const benchTokenLife = 24 * time.Hour

type benchLatencyCmd struct {
	benchTarget
	benchOutput

	Events   int           `default:"1000" help:"Events that are measured one at a time; 0: none (${default})."`
	Pause    time.Duration `default:"20ms" help:"Longest pause between two of them; each is random (${default})."`
	Rates    []int         `default:"100,500,1000" placeholder:"N,…" help:"Events a second that are offered; each is measured (${default})."`
	Writers  int           `default:"16" placeholder:"N" help:"Producers that offer them, each with a connection of its own (${default})."`
	Runs     int           `default:"3" help:"Runs of each rate, with its baseline in between (${default})."`
	Duration time.Duration `default:"10s" help:"Length of a run (${default})."`
}

func (c *benchLatencyCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if err := positive(append([]int{c.Writers, c.Runs, int(c.Duration)}, c.Rates...)...); err != nil {
		return err
	}
	server, stop, err := c.start(ctx, logger, s)
	if err != nil {
		return err
	}
	defer stop()
	order := uuid.New()
	token, err := auth.Mint(server.Secret, auth.Grant{
		Subject: "bench", Permissions: []string{"OrderOwner:" + order.String()}, TTL: benchTokenLife,
	})
	if err != nil {
		return err
	}
	l := line.Latency{
		DSN: c.DatabaseURL, URL: server.URL, Token: token, Order: order, Events: c.Events, Pause: c.Pause, Rates: c.Rates,
		Writers: c.Writers, Runs: c.Runs, Duration: c.Duration, Progress: s.progress,
	}
	figures, err := l.Run(ctx)
	return c.print(s, figures, err)
}
