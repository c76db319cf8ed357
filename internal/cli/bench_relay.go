package cli

import (
	"context"
	"log/slog"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/bench/line"
)

type benchRelayCmd struct {
	benchDatabase
	benchOutput

	Events int `default:"500000" placeholder:"N" help:"Events that wait to be relayed (${default})."`
	Groups int `default:"20000" placeholder:"N" help:"Groups that they are for: one in twenty is a restaurant's, the others are orders' (${default})."`
	Runs   int `default:"3" help:"Runs, each in a database and beside a baseline of its own (${default})."`
}

// ownListen keeps a server on a bench's own databases from using the environment's connection for notifications.
const ownListen = "HERALD_LISTEN_DATABASE_URL="

func (c *benchRelayCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if err := positive(c.Events, c.Groups, c.Runs); err != nil {
		return err
	}
	stop, err := c.startPostgres(ctx, logger, s)
	if err != nil {
		return err
	}
	defer stop()
	b := line.Relay{
		Fresh:  func(ctx context.Context) (string, func(), error) { return c.fresh(ctx, logger) },
		Start:  func(ctx context.Context, dsn string) (bench.Server, error) { return startServer(ctx, dsn, ownListen) },
		Events: c.Events, Groups: c.Groups, Runs: c.Runs, Progress: s.progress,
	}
	figures, err := b.Run(ctx)
	return c.print(s, figures, err)
}
