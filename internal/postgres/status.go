package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const undefinedTable = "42P01" // the SQLSTATE, of a table in a schema that does not exist, too

// ErrNotMigrated says that the database lacks migrations that this release needs.
var ErrNotMigrated = errors.New("the database is not migrated: run `herald migrate up`")

// CheckMigrated returns an error that wraps [ErrNotMigrated] where migrations are pending. In a migrated database it
// costs one round trip, so that a busy database can still answer.
func CheckMigrated(ctx context.Context, pool *pgxpool.Pool, files fs.FS) error {
	missing, err := lacking(ctx, pool, files)
	if err == nil && missing == 0 {
		return nil
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); err != nil && (!ok || server.Code != undefinedTable) {
		return fmt.Errorf("reading which migrations are applied: %w", err)
	}
	if err := RefuseBeforeRelease(ctx, pool); err != nil {
		return err
	}
	migrations, err := Status(ctx, pool, files)
	if err != nil {
		return err
	}
	pending := 0
	for _, m := range migrations {
		if !m.Applied {
			pending++
		}
	}
	if pending > 0 {
		return fmt.Errorf("%w (%d of %d migrations are pending)", ErrNotMigrated, pending, len(migrations))
	}
	return nil
}

// lacking counts the migrations of this release that the database does not have. It fails where even their tables
// are missing.
func lacking(ctx context.Context, pool *pgxpool.Pool, files fs.FS) (missing int, err error) {
	herald, err := heraldVersions(files)
	if err != nil {
		return 0, err
	}
	river, err := riverVersions()
	if err != nil {
		return 0, err
	}
	functions, err := functionsVersion(files)
	if err != nil {
		return 0, err
	}
	query, arguments := `SELECT
		(SELECT count(*) FROM unnest($1::bigint[]) v WHERE NOT EXISTS (SELECT FROM `+versionTable+` WHERE version_id = v)) +
		(SELECT count(*) FROM unnest($2::bigint[]) v WHERE NOT EXISTS (SELECT FROM `+riverTable+` WHERE version = v AND line = 'main'))`,
		[]any{herald, river}
	if functions > 0 {
		query += ` + CASE WHEN EXISTS (SELECT FROM ` + functionsTable + ` WHERE version >= $3) THEN 0 ELSE 1 END`
		arguments = append(arguments, functions)
	}
	err = pool.QueryRow(ctx, query, arguments...).Scan(&missing)
	return missing, err //nolint:wrapcheck // wrapped by the caller, who looks at what it is first
}

func heraldVersions(files fs.FS) ([]int64, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("reading Herald's migrations: %w", err)
	}
	versions := make([]int64, len(names))
	for i, name := range names {
		if versions[i], err = goose.NumericComponent(name); err != nil {
			return nil, fmt.Errorf("reading Herald's migrations: %w", err)
		}
	}
	return versions, nil
}

// riverVersions are the versions that River's library brings. They do not change while the program runs.
var riverVersions = sync.OnceValues(func() ([]int64, error) { //nolint:gochecknoglobals // never changes
	migrator, err := newRiverMigrator(nil)
	if err != nil {
		return nil, err
	}
	var versions []int64
	for _, m := range migrator.AllVersions() {
		versions = append(versions, int64(m.Version))
	}
	return versions, nil
})

// Status lists the migrations of this release, Herald's, then River's, then the functions, each with whether the
// database has it. It changes nothing, not even in a database that has never been migrated.
func Status(ctx context.Context, pool *pgxpool.Pool, files fs.FS) ([]Migration, error) {
	if err := RefuseBeforeRelease(ctx, pool); err != nil {
		return nil, err
	}
	herald, err := heraldStatus(ctx, pool, files)
	if err != nil {
		return nil, err
	}
	river, err := riverStatus(ctx, pool)
	if err != nil {
		return nil, err
	}
	functions, err := functionsStatus(ctx, pool, files)
	if err != nil {
		return nil, err
	}
	return slices.Concat(herald, river, functions), nil
}

func functionsStatus(ctx context.Context, pool *pgxpool.Pool, files fs.FS) ([]Migration, error) {
	functions, err := functionsVersion(files)
	if err != nil || functions == 0 {
		return nil, err
	}
	status := functionsMigration(functions)
	err = pool.QueryRow(ctx, "SELECT true, applied_at FROM "+functionsTable+" WHERE version >= $1", functions).
		Scan(&status.Applied, &status.AppliedAt)
	server, ok := errors.AsType[*pgconn.PgError](err)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) && (!ok || server.Code != undefinedTable) {
		return nil, fmt.Errorf("reading which functions the database has: %w", err)
	}
	return []Migration{status}, nil
}

func heraldStatus(ctx context.Context, pool *pgxpool.Pool, files fs.FS) ([]Migration, error) {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }() // the pool stays open
	provider, err := newProvider(db, files)
	if err != nil {
		return nil, err
	}
	// goose would create its version table in order to read it.
	var begun bool
	if err := pool.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", versionTable).Scan(&begun); err != nil {
		return nil, fmt.Errorf("looking for Herald's migrations: %w", err)
	}
	var migrations []Migration
	if !begun {
		for _, source := range provider.ListSources() {
			migrations = append(migrations, Migration{Line: HeraldLine, Version: source.Version, Name: source.Path})
		}
		return migrations, nil
	}
	status, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading which of Herald's migrations are applied: %w", err)
	}
	for _, s := range status {
		migrations = append(migrations, Migration{
			Line: HeraldLine, Version: s.Source.Version, Name: s.Source.Path,
			Applied: s.State == goose.StateApplied, AppliedAt: s.AppliedAt,
		})
	}
	return migrations, nil
}

func riverStatus(ctx context.Context, pool *pgxpool.Pool) ([]Migration, error) {
	migrator, err := newRiverMigrator(pool)
	if err != nil {
		return nil, err
	}
	existing, err := migrator.ExistingVersions(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading which of River's migrations are applied: %w", err)
	}
	applied := make(map[int]bool, len(existing))
	for _, m := range existing {
		applied[m.Version] = true
	}
	all := migrator.AllVersions()
	migrations := make([]Migration, 0, len(all))
	for _, m := range all {
		migrations = append(migrations,
			Migration{Line: RiverLine, Version: int64(m.Version), Name: m.Name, Applied: applied[m.Version]})
	}
	return migrations, nil
}
