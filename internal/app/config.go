package app

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/config"
	"github.com/yummyzoom/herald/internal/event"
)

// Config is what an App is built from.
type Config struct {
	Auth   config.Auth
	Server config.Server
	// DatabaseURL is the database; ListenDatabaseURL the same one without a pooler in between, defaulting to DatabaseURL.
	DatabaseURL, ListenDatabaseURL string
	// Version is what the node says of itself. Defaults to "unknown".
	Version string
	// Logger defaults to slog.Default.
	Logger *slog.Logger
	// Broadcast, where it is set, is called with every batch before this node broadcasts it. It must not block.
	Broadcast func(batch []event.Logged)
	// Background, where it is set, runs beside the server and ends with its context.
	Background func(ctx context.Context, pool *pgxpool.Pool) error
}
