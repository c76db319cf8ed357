package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/migrations"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply what is pending: Herald's migrations, then River's."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations and whether they are applied."`
	Roles  migrateRolesCmd  `cmd:"" help:"Print the SQL with which an administrator gives this login what migrating needs."`
	Reseed migrateReseedCmd `cmd:"" help:"After a restore from a dump: relay what has no place in the log, and begin a new epoch."`
}

type migrateRolesCmd struct{ existing }

func (c *migrateRolesCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	pool, err := c.open(ctx, logger)
	if err != nil {
		return err
	}
	defer pool.Close()
	login, lacks, err := postgres.Lacking(ctx, pool)
	if err != nil {
		return err
	}
	if len(lacks) == 0 {
		_, err := fmt.Fprintf(s.out, "-- nothing is missing: %s may migrate this database\n", oneLine(login))
		return err //nolint:wrapcheck // the terminal is gone
	}
	_, _ = fmt.Fprintf(s.out,
		"-- For an administrator (psql -v ON_ERROR_STOP=1), in this database. Then, as %s: herald migrate up\n",
		oneLine(login))
	for _, lack := range lacks {
		_, _ = fmt.Fprintf(s.out, "%s -- %s\n", lack.SQL, oneLine(lack.What))
	}
	_, err = fmt.Fprintln(s.out,
		"-- Each service's login becomes a member, which may publish and nothing else: GRANT herald_producer TO …;")
	return err //nolint:wrapcheck // the terminal is gone
}

type migrateReseedCmd struct {
	existing

	Force bool `help:"Reseed although the database is where it was, or nodes are running."`
}

func (c *migrateReseedCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	url, stop, err := database(ctx, c.Database, logger)
	if err != nil {
		return err
	}
	defer stop()
	pool, err := postgres.Open(ctx, url, postgres.Options{Wait: patience(c.Wait), Writing: true, Logger: logger})
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := postgres.CheckMigrated(ctx, pool, migrations.FS); err != nil {
		return err
	}
	err = relay.CheckEpoch(ctx, pool)
	switch {
	case err == nil && !c.Force:
		_, _ = fmt.Fprintln(s.out, "nothing to do: the database is the one that was relayed from")
		return nil
	case err != nil && !errors.Is(err, relay.ErrRestored):
		return err
	}
	if err := c.nobodyServes(ctx, pool); err != nil {
		return err
	}
	sum, err := jobs.Reseed(ctx, pool, func(day time.Time, sofar relay.Reseeded) {
		_, _ = fmt.Fprintf(s.err, "%s: %d events looked at, %d of them to be relayed\n", day.Format(time.DateOnly),
			sofar.Total, sofar.Pending)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out,
		"reseeded: %d of %d events have no place in the log and are relayed next; a new epoch begins\n", sum.Pending,
		sum.Total)
	return err //nolint:wrapcheck // the terminal is gone
}

// nobodyServes refuses while nodes run: their memory is of the log as it was.
func (c *migrateReseedCmd) nobodyServes(ctx context.Context, pool *pgxpool.Pool) error {
	if c.Force {
		return nil
	}
	// Without other sessions in the database no node runs, whatever rows a dump has brought along.
	var sessions int32
	err := pool.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()").Scan(&sessions)
	if err != nil {
		return fmt.Errorf("counting the sessions in the database: %w", err)
	}
	if sessions <= pool.Stat().TotalConns() {
		return nil
	}
	nodes, err := nodes.New(pool, uuid.Nil).Running(ctx)
	if err == nil && nodes > 0 {
		err = fmt.Errorf("%d nodes are running on this database: stop them first, or insist with --force", nodes)
	}
	return err
}

type migrateUpCmd struct {
	existing
	Listen
}

func (c *migrateUpCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	url, stop, err := database(ctx, c.Database, logger)
	if err != nil {
		return err
	}
	defer stop()
	if err := migrate(ctx, url, c.Listen, patience(c.Wait), logger); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, "the database is up to date")
	return err //nolint:wrapcheck // the terminal is gone
}

// migrate brings the database up to date, over HERALD_LISTEN_DATABASE_URL where that is set: it leads to the
// database without a pooler.
func migrate(ctx context.Context, url string, listen Listen, wait time.Duration, logger *slog.Logger) error {
	return postgres.Upgrade(ctx, url, listen.ListenDatabaseURL, migrations.FS,
		postgres.Options{Wait: wait, Logger: logger})
}

type migrateStatusCmd struct{ existing }

func (c *migrateStatusCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	pool, err := c.open(ctx, logger)
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
