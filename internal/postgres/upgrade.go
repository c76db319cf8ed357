package postgres

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
)

// Upgrade is [Migrate] for a connection string. Direct, where it is not empty, is the same database without a pooler
// in between.
func Upgrade(ctx context.Context, dsn, direct string, files fs.FS, options Options) error {
	options.Writing = true
	pool, err := Open(ctx, cmp.Or(direct, dsn), options)
	if err != nil {
		return err
	}
	defer pool.Close()
	if direct == "" { // setting direct says that a pooler there keeps sessions
		if err := RefusePooler(ctx, pool); err != nil {
			return err
		}
	}
	_, err = Migrate(ctx, pool, files, options.withDefaults().Logger)
	if err != nil && !Passing(err) {
		return &brokenMigrationError{err}
	}
	return err
}

// brokenMigrationError says that a migration fails by itself. It will fail the next time, too.
type brokenMigrationError struct{ err error }

func (e *brokenMigrationError) Error() string { return fmt.Sprintf("migrating: %v", e.err) }
func (e *brokenMigrationError) Unwrap() error { return e.err }
