package cli

import (
	"context"
	"fmt"
	"log/slog"
	"text/tabwriter"

	"github.com/yummyzoom/herald/internal/config"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/migrations"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply what is pending: Herald's migrations, then River's."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations and whether they are applied."`
}

type migrateUpCmd struct{ config.Database }

func (c *migrateUpCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	url, stop, err := database(ctx, c.Database, logger)
	if err != nil {
		return err
	}
	defer stop()
	if err := migrate(ctx, url, logger); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, "the database is up to date")
	return err //nolint:wrapcheck // the terminal is gone
}

// migrate brings the database up to date.
func migrate(ctx context.Context, url string, logger *slog.Logger) error {
	pool, err := postgres.Open(ctx, url, postgres.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = postgres.Migrate(ctx, pool, migrations.FS, logger)
	return err
}

type migrateStatusCmd struct{ config.Database }

func (c *migrateStatusCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	pool, err := open(ctx, c.Database, logger)
	if err != nil {
		return err
	}
	defer pool.Close()
	status, err := postgres.Status(ctx, pool, migrations.FS)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0) //nolint:mnd // two spaces between columns
	pending := 0
	for _, m := range status {
		state := "applied"
		if !m.Applied {
			state = "pending"
			pending++
		}
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", m.Line, m.Version, m.Name, state)
	}
	if err := table.Flush(); err != nil {
		return err //nolint:wrapcheck // the terminal is gone
	}
	if pending > 0 {
		_, _ = fmt.Fprintf(s.err, "%d migrations are pending: run `herald migrate up`\n", pending)
		return errFindings
	}
	return nil
}
