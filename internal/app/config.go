package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/postgres"
)

// Config is what an App is built from.
type Config struct {
	Auth   auth.Settings
	Server Settings
	// DatabaseURL is the database. ListenDatabaseURL is the same database without a pooler in between; it defaults to
	// DatabaseURL.
	DatabaseURL, ListenDatabaseURL string
	// Migrate says that the node migrates the schema itself, over ListenDatabaseURL where that is set.
	Migrate bool
	// Version is the version that the node reports. Defaults to "unknown".
	Version string
	// Logger defaults to slog.Default.
	Logger *slog.Logger
	// Broadcast, where it is set, is called with every batch before this node broadcasts it. It must not block.
	Broadcast func(batch []event.Logged)
	// Background, where it is set, runs beside the server and ends with its context.
	Background func(ctx context.Context, pool *pgxpool.Pool) error
}

// check says what is wrong with the configuration, without asking the database.
func (c Config) check() error {
	if err := c.Server.Check(); err != nil {
		return err
	}
	if err := postgres.CheckAddress("HERALD_DATABASE_URL", c.DatabaseURL); err != nil {
		return err
	}
	if c.ListenDatabaseURL != "" {
		if err := postgres.CheckAddress("HERALD_LISTEN_DATABASE_URL", c.ListenDatabaseURL); err != nil {
			return err
		}
	}
	if _, err := policy.New(policy.Config{Function: c.Server.AuthorizeFunction}, nil); err != nil {
		return fmt.Errorf("HERALD_AUTHORIZE_FUNCTION: %w", err)
	}
	return nil
}
