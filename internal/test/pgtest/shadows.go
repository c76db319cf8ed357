package pgtest

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// shadowsVariable gives every test database shadows: see [Database.Shadow].
const shadowsVariable = "HERALD_TEST_SHADOWS"

// shadowPath is the path on which an unprepared session finds names: the shadows before anything else.
const shadowPath = `shadow, pg_catalog, "$user", public`

//go:embed shadows.sql
var shadowsSQL string

//go:embed shadows_own.sql
var ownShadowsSQL string

// Shadowed reports whether this run gives every test database shadows, as `make test-shadows` does.
func Shadowed() bool { return os.Getenv(shadowsVariable) != "" }

// Shadow fills a schema with functions, operators, types and tables of all names in pg_catalog and herald, each of
// which fails when it is used. Sessions find them before the real ones, unless they set their own path; on
// PostgreSQL 17 and later each session finds the types and tables in its pg_temp, too.
func (d *Database) Shadow(tb testing.TB) {
	tb.Helper()
	if Shadowed() { // the template has them already
		return
	}
	require.NoError(tb, shadow(tb.Context(), d.DSN(), shadowsSQL, ownShadowsSQL))
	require.NoError(tb, execute(tb.Context(), d.cluster, "ALTER DATABASE "+d.Name+" SET search_path = "+shadowPath))
}

// shadow runs the statements that make shadows, in a session that sees none.
func shadow(ctx context.Context, dsn string, statements ...string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("reading the test database's address: %w", err)
	}
	config.RuntimeParams["search_path"] = "pg_catalog"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connecting to the test database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("making shadows: %w", err)
		}
	}
	return nil
}
