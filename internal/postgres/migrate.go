package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Schema is the Postgres schema of everything of Herald's, including River's tables and the migrations' own.
const Schema = "herald"

const (
	versionTable = Schema + ".goose_db_version"
	riverTable   = Schema + ".river_migration"

	// connectionsToMigrate is how many are in use at once: the lock's and those of the step under it.
	connectionsToMigrate = 3
)

// The lines of migrations.
const (
	HeraldLine    = "herald"
	RiverLine     = "river"
	FunctionsLine = "functions"
)

// Migration is one step of the schema.
type Migration struct {
	Line      string // HeraldLine, RiverLine or FunctionsLine
	Version   int64  // ascending within the line
	Name      string
	Applied   bool
	AppliedAt time.Time // zero where not applied, and for River's
}

// ErrThroughPooler is returned for a connection string that leads through a pooler where sessions are needed.
var ErrThroughPooler = errors.New(
	"migrations hold a lock over many transactions, which they cannot through a pooler: " +
		"set HERALD_LISTEN_DATABASE_URL to the database itself")

// RefusePooler fails with [ErrThroughPooler] where a pooler stands before pool's database.
func RefusePooler(ctx context.Context, pool *pgxpool.Pool) error {
	return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { //nolint:wrapcheck // ThroughPooler's, or the pool's own
		pooled, err := ThroughPooler(ctx, conn.Conn())
		if err == nil && pooled {
			err = ErrThroughPooler
		}
		return err
	})
}

// Migrate applies what is pending: first the goose migrations in files, then River's, then the functions (see
// [ReadFunctions]), unless the database has those of a newer release. It returns what it applied. Processes that
// migrate one database at once take turns. Where the login lacks a right ([LackingError]) or the schema is too old
// ([ErrBeforeRelease]) nothing is changed. The pool needs a session of its own per connection (no pooler in between
// that multiplexes transactions, see [RefusePooler]), and at least three connections.
func Migrate(ctx context.Context, pool *pgxpool.Pool, files fs.FS, logger *slog.Logger) ([]Migration, error) {
	if pool.Config().MaxConns < connectionsToMigrate {
		return nil, fmt.Errorf("migrating needs %d connections, and the pool is limited to %d", connectionsToMigrate,
			pool.Config().MaxConns)
	}
	if err := mayMigrate(ctx, pool); err != nil {
		return nil, err
	}
	if err := RefuseBeforeRelease(ctx, pool); err != nil {
		return nil, err
	}
	functions, err := ReadFunctions(files)
	if err != nil {
		return nil, err
	}
	var applied []Migration
	err = underLock(ctx, pool, logger, lockPatience, func() error {
		herald, err := migrateHerald(ctx, pool, files, logger)
		applied = herald
		if err != nil {
			return err
		}
		river, err := migrateRiver(ctx, pool, logger)
		applied = append(applied, river...)
		if err != nil {
			return err
		}
		if len(river) > 0 {
			if err := closeFunctions(ctx, pool); err != nil {
				return err
			}
		}
		replaced, err := applyFunctions(ctx, pool, functions, logger)
		applied = append(applied, replaced...)
		return err
	})
	return applied, err
}

func migrateHerald(ctx context.Context, pool *pgxpool.Pool, files fs.FS, logger *slog.Logger) ([]Migration, error) {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }() // the pool stays open
	provider, err := newProvider(db, files)
	if err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok { // the steps before the one that failed stay applied
		results = partial.Applied
		err = fmt.Errorf("%s: %w", partial.Failed.Source.Path, partial.Err)
	}
	applied := make([]Migration, 0, len(results))
	for _, r := range results {
		m := Migration{
			Line: HeraldLine, Version: r.Source.Version, Name: r.Source.Path, Applied: true,
			AppliedAt: time.Now(),
		}
		applied = append(applied, m)
		logApplied(ctx, logger, m, r.Duration)
	}
	if err != nil {
		return applied, fmt.Errorf("applying Herald's migrations: %w", err)
	}
	return applied, nil
}

func migrateRiver(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) ([]Migration, error) {
	migrator, err := newRiverMigrator(pool)
	if err != nil {
		return nil, err
	}
	result, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return nil, fmt.Errorf("applying River's migrations: %w", err)
	}
	applied := make([]Migration, 0, len(result.Versions))
	for _, v := range result.Versions {
		m := Migration{Line: RiverLine, Version: int64(v.Version), Name: v.Name, Applied: true}
		applied = append(applied, m)
		logApplied(ctx, logger, m, v.Duration)
	}
	return applied, nil
}

func logApplied(ctx context.Context, logger *slog.Logger, m Migration, took time.Duration) {
	logger.InfoContext(ctx, "migration applied",
		slog.String("line", m.Line), slog.Int64("version", m.Version), slog.String("name", m.Name),
		slog.Duration("took", took))
}

func newProvider(db *sql.DB, files fs.FS) (*goose.Provider, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("reading Herald's migrations: %w", err)
	}
	return provider, nil
}

func newRiverMigrator(pool *pgxpool.Pool) (*rivermigrate.Migrator[pgx.Tx], error) {
	// River's own log line per version would repeat what logApplied says.
	config := &rivermigrate.Config{Schema: Schema, Logger: slog.New(slog.DiscardHandler)}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), config)
	if err != nil {
		return nil, fmt.Errorf("reading River's migrations: %w", err)
	}
	return migrator, nil
}
