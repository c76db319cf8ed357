package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/bench"
)

const (
	benchTokenLife = 24 * time.Hour
	benchProgress  = 250 // events between two lines of progress
)

type benchLatencyCmd struct {
	benchTarget
	benchOutput

	Events int           `default:"1000" help:"Events that are measured (${default})."`
	Pause  time.Duration `default:"20ms" help:"Longest pause between two events; each is random (${default})."`
}

func (c *benchLatencyCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
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
	l := bench.Latency{
		DSN: c.DatabaseURL, URL: server.URL, Token: token, Order: order, Events: c.Events, Pause: c.Pause,
		Progress: func(done int) {
			if done%benchProgress == 0 {
				s.progress(fmt.Sprintf("%d of %d events", done, c.Events))
			}
		},
	}
	figures, err := l.Run(ctx)
	return c.print(s, figures, err)
}
