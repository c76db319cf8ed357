package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/config"
	"github.com/yummyzoom/herald/internal/postgres"
)

const (
	clusterStopTimeout = 30 * time.Second
	commandWait        = 5 * time.Second // how long a short command waits for a database that is down
)

// database returns the connection string to use, starting the embedded cluster where none is configured. stop ends what was
// started.
func database(ctx context.Context, cfg config.Database, logger *slog.Logger) (url string, stop func(), err error) {
	if cfg.DatabaseURL != "" {
		return cfg.DatabaseURL, func() {}, nil
	}
	logger.InfoContext(ctx, "HERALD_DATABASE_URL is not set: starting the embedded PostgreSQL", slog.String("data_dir", cfg.DataDir))
	cluster, err := postgres.StartCluster(ctx, postgres.ClusterConfig{DataDir: cfg.DataDir, BinDir: cfg.PostgresBin, Logger: logger})
	if err != nil {
		return "", nil, fmt.Errorf("starting the embedded PostgreSQL: %w", err)
	}
	stop = func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), clusterStopTimeout)
		defer cancel()
		if err := cluster.Stop(stopping); err != nil {
			logger.WarnContext(stopping, "the embedded PostgreSQL did not stop in order", slog.Any("error", err))
		}
	}
	return cluster.DSN(), stop, nil
}

// open returns a pool on the configured database for a short command.
func open(ctx context.Context, cfg config.Database, logger *slog.Logger) (*pgxpool.Pool, error) {
	url, err := running(cfg)
	if err != nil {
		return nil, err
	}
	return postgres.Open(ctx, url, postgres.Options{Wait: commandWait, Logger: logger})
}

// running returns the connection string of a database that is there already: the configured one, or the embedded one that another
// command runs.
func running(cfg config.Database) (string, error) {
	if cfg.DatabaseURL != "" {
		return cfg.DatabaseURL, nil
	}
	url, err := postgres.RunningDSN(cfg.DataDir)
	if err != nil {
		return "", fmt.Errorf("HERALD_DATABASE_URL is not set, and no embedded PostgreSQL runs in %q: %w", cfg.DataDir, err)
	}
	return url, nil
}
