package pgtest

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
)

// upgradedVariable makes every test database a migrated one of the first release: see [Upgraded].
const upgradedVariable = "HERALD_TEST_UPGRADED"

// fixture is a dump of the schema as the first release has it, with a little in every table. `make fixture` made it.
// It is not made anew after that release: what tests migrate is what operators have.
//
//go:embed testdata/fixture.sql
var fixture string

//go:embed testdata/emptied.sql
var emptiedSQL string

// Upgraded reports whether this run gives every test a database that was restored from the fixture, migrated and
// emptied, as `make test-upgraded` does, and not a new one.
func Upgraded() bool { return os.Getenv(upgradedVariable) != "" }

// NewFixture returns a database as the first release left it, with its data. No later migration is applied.
func NewFixture(tb testing.TB) *Database {
	tb.Helper()
	d := NewEmpty(tb)
	require.NoError(tb, restoreFixture(tb.Context(), d.cluster, d.Name))
	return d
}

// restoreFixture restores the fixture into an empty database.
func restoreFixture(ctx context.Context, cluster *postgres.Cluster, name string) error {
	return run(ctx, cluster.DatabaseDSN(name), `DO $$ BEGIN CREATE ROLE herald_producer NOLOGIN;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`, fixture)
}

// run executes statements in a session of their own.
func run(ctx context.Context, dsn string, statements ...string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connecting to the test database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("preparing the test database: %w", err)
		}
	}
	return nil
}
