package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/postgres"
)

const clusterStopTimeout = 30 * time.Second

// served is the database of a command that serves: the configured one, or an embedded one that the command starts.
type served struct {
	url     string
	cluster *postgres.Cluster // nil where a database is configured
	logger  *slog.Logger
}

// database returns the connection string to use, and starts the embedded cluster where none is configured. stop
// ends the cluster.
func database(ctx context.Context, cfg Database, logger *slog.Logger) (url string, stop func(), err error) {
	db, err := serveDatabase(ctx, cfg, logger)
	if err != nil {
		return "", nil, err
	}
	return db.url, func() { db.stop(ctx) }, nil
}

// serveDatabase is database for a command that runs until it is told to end.
func serveDatabase(ctx context.Context, cfg Database, logger *slog.Logger) (*served, error) {
	if cfg.DatabaseURL != "" {
		return &served{url: cfg.DatabaseURL, logger: logger}, nil
	}
	logger.InfoContext(ctx, "HERALD_DATABASE_URL is not set: starting the embedded PostgreSQL",
		slog.String("data_dir", cfg.DataDir))
	cluster, err := postgres.StartCluster(ctx,
		postgres.ClusterConfig{DataDir: cfg.DataDir, BinDir: cfg.PostgresBin, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("starting the embedded PostgreSQL: %w", err)
	}
	db := &served{cluster.DSN(), cluster, logger}
	if err := db.refuseBeforeRelease(ctx, cfg.DataDir); err != nil {
		db.stop(ctx)
		return nil, err
	}
	return db, nil
}

// refuseBeforeRelease says what to do with an embedded database from before the first release.
func (d *served) refuseBeforeRelease(ctx context.Context, dataDir string) error {
	pool, err := postgres.Open(ctx, d.url, postgres.Options{Logger: d.logger})
	if err != nil {
		return err
	}
	defer pool.Close()
	err = postgres.RefuseBeforeRelease(ctx, pool)
	if errors.Is(err, postgres.ErrBeforeRelease) {
		return fmt.Errorf(
			"%s holds a database that a development version before the first release has made, which cannot be upgraded: "+
				"delete that folder and start again; nothing was changed", dataDir)
	}
	return err
}

// stop ends the cluster even when ctx has ended.
func (d *served) stop(ctx context.Context) {
	if d.cluster == nil {
		return
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), clusterStopTimeout)
	defer cancel()
	if err := d.cluster.Stop(stopping); err != nil {
		d.logger.WarnContext(stopping, "the embedded PostgreSQL did not stop in order", slog.Any("error", err))
	}
}

// run runs a node until ctx ends, and keeps the embedded cluster alive meanwhile. Where the cluster cannot be kept
// alive, it ends too.
func (d *served) run(ctx context.Context, node func(ctx context.Context) error) error {
	if d.cluster == nil {
		return untilTold(ctx, node(ctx))
	}
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	var keeping errgroup.Group
	keeping.Go(func() error {
		err := d.cluster.Keep(running)
		if err != nil {
			end(err)
		}
		return err
	})
	err := untilTold(ctx, node(running))
	end(nil)
	return errors.Join(err, keeping.Wait())
}

// existing is the database of a short command. The database has to be there; the command waits for it up to a
// limit.
type existing struct {
	Database
	Wait
}

// open returns a pool on the database for a command that only reads.
func (c *existing) open(ctx context.Context, logger *slog.Logger) (*pgxpool.Pool, error) {
	return c.openWith(ctx, postgres.Options{Logger: logger})
}

// openToWrite is open for a command that writes: it waits for a standby's promotion, too.
func (c *existing) openToWrite(ctx context.Context, logger *slog.Logger) (*pgxpool.Pool, error) {
	return c.openWith(ctx, postgres.Options{Writing: true, Logger: logger})
}

func (c *existing) openWith(ctx context.Context, options postgres.Options) (*pgxpool.Pool, error) {
	url, err := running(c.Database)
	if err != nil {
		return nil, err
	}
	options.Wait = patience(c.Wait)
	return postgres.Open(ctx, url, options)
}

// waiter waits for the database again, as long as open does, for a command that has already worked on it.
func (c *existing) waiter(logger *slog.Logger) *postgres.Waiter {
	return &postgres.Waiter{
		Address: postgres.Address(c.DatabaseURL), Limit: patience(c.Wait), Logger: logger,
		Final: func(err error) bool { return !postgres.Passing(err) },
	}
}

// patience turns the setting, where 0 means no wait, into the option, where 0 means the default.
func patience(wait Wait) time.Duration {
	if wait.Wait <= 0 {
		return -1
	}
	return wait.Wait
}

// running returns the connection string of a database that already runs: the configured one, or the embedded one of
// another command.
func running(cfg Database) (string, error) {
	if cfg.DatabaseURL != "" {
		return cfg.DatabaseURL, nil
	}
	url, err := postgres.RunningDSN(cfg.DataDir)
	if err != nil {
		return "", fmt.Errorf("HERALD_DATABASE_URL is not set, and no embedded PostgreSQL runs in %q: %w", cfg.DataDir, err)
	}
	return url, nil
}
