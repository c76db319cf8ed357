package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrBeforeRelease says that the schema is from before the first release, when migrations had other numbers.
var ErrBeforeRelease = errors.New(
	"the schema herald was made by a development version before the first release and cannot be upgraded: " +
		"make it anew (DROP SCHEMA herald CASCADE, then `herald migrate up`); nothing was changed")

// RefuseBeforeRelease fails with [ErrBeforeRelease] where the database has such a schema: tables, but no table that
// says which functions there are. It changes nothing.
func RefuseBeforeRelease(ctx context.Context, pool *pgxpool.Pool) error {
	var old bool
	err := pool.QueryRow(ctx,
		"SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL AND to_regclass($3) IS NULL",
		versionTable, Schema+".outbox", functionsTable).Scan(&old)
	if err != nil {
		return fmt.Errorf("looking for Herald's schema: %w", err)
	}
	if old {
		return ErrBeforeRelease
	}
	return nil
}
