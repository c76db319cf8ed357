package cli

import (
	"context"
	"errors"
	"log/slog"

	"github.com/yummyzoom/herald/internal/app"
)

type serveCmd struct {
	Database
	Listen `embed:""`
	Auth
	Server `embed:""`
}

var errNoKey = errors.New("no key for tokens is configured: set HERALD_JWT_SECRET, HERALD_JWT_SECRET_FILE, HERALD_JWT_PUBLIC_KEY_FILE or HERALD_JWKS_URL " +
	"(for a machine of your own, `herald dev` makes a key by itself)")

func (c *serveCmd) Run(ctx context.Context, logger *slog.Logger) error {
	if !c.HasKey() {
		return errNoKey
	}
	if err := c.Check(); err != nil {
		return err
	}
	db, err := serveDatabase(ctx, c.Database, logger)
	if err != nil {
		return untilTold(ctx, err)
	}
	defer db.stop(ctx)
	node, err := app.New(ctx, app.Config{
		Auth: c.Auth, Server: c.Server, DatabaseURL: db.url, ListenDatabaseURL: c.ListenDatabaseURL,
		Version: version(), Logger: logger,
		Migrate: c.DatabaseURL == "", // Herald migrates its own embedded database
	})
	if err != nil {
		return err
	}
	return db.run(ctx, node.Run)
}
