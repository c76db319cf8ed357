package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// ErrNotMigrated says that the database lacks migrations that this release needs.
var ErrNotMigrated = errors.New("the database is not migrated: run `herald migrate up`")

// CheckMigrated returns an error that wraps [ErrNotMigrated] where migrations are pending.
func CheckMigrated(ctx context.Context, pool *pgxpool.Pool, files fs.FS) error {
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

// Status lists the migrations of this release, Herald's and then River's, each with whether the database has it. It changes
// nothing, not even in a database that has never been migrated.
func Status(ctx context.Context, pool *pgxpool.Pool, files fs.FS) ([]Migration, error) {
	herald, err := heraldStatus(ctx, pool, files)
	if err != nil {
		return nil, err
	}
	river, err := riverStatus(ctx, pool)
	if err != nil {
		return nil, err
	}
	return append(herald, river...), nil
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
		migrations = append(migrations, Migration{Line: RiverLine, Version: int64(m.Version), Name: m.Name, Applied: applied[m.Version]})
	}
	return migrations, nil
}
