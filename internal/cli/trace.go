package cli

import (
	"context"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/config"
	"github.com/yummyzoom/herald/internal/outbox"
)

type traceCmd struct {
	config.Database

	EventID uuid.UUID `arg:"" help:"The event's id."`
}

func (c *traceCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	pool, err := open(ctx, c.Database, logger)
	if err != nil {
		return err
	}
	defer pool.Close()
	traces, err := outbox.Trace(ctx, pool, c.EventID)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0) //nolint:mnd // two spaces between columns
	for _, t := range traces {
		line(table, "status", t.Status)
		line(table, "written", moment(t.WrittenAt))
		line(table, "deliver after", moment(t.DeliverAfter))
		line(table, "relayed", moment(t.RelayedAt))
		if t.Group != "" {
			line(table, "group", fmt.Sprintf("%s, sequence %d, position %d", t.Group, t.Sequence, t.Position))
		}
		line(table, "why", t.Detail)
	}
	return table.Flush() //nolint:wrapcheck // the terminal is gone
}

func line(table *tabwriter.Writer, name, value string) {
	if value != "" {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", name, value)
	}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
