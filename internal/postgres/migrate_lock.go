package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// lockTable is the table whose lock a migrating process holds, in a transaction that stays open meanwhile. Any role
	// could take an advisory lock, and keep it.
	lockTable = Schema + ".migration_lock"

	// The lock is tried for, not waited for: a waiting statement holds a snapshot, and an index that is being built
	// concurrently under the lock would wait for that snapshot in turn.
	lockInterval = time.Second
	lockPatience = 10 * time.Minute
	lockToldOf   = time.Minute // between two lines in the log

	unlockTimeout = 5 * time.Second
)

// underLock calls f while no other process does so in this database. It waits for another process until patience
// ends.
func underLock(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger, patience time.Duration,
	f func() error,
) (err error) {
	if err := makeLock(ctx, pool); err != nil {
		return err
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to migrate: %w", err)
	}
	defer conn.Release()
	tx, err := takeLock(ctx, conn.Conn(), logger, patience)
	if err != nil {
		return err
	}
	defer func() {
		unlocking, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		if unlockErr := tx.Rollback(unlocking); unlockErr != nil {
			err = errors.Join(err, fmt.Errorf("releasing the migrations' lock: %w", unlockErr))
		}
	}()
	return f()
}

// makeLock makes sure of the schema and of the lock's table in it. It looks first: creating needs a right on the
// database that the owner of an existing schema need not have. Of several that create at once all but one fail, and
// find it there.
func makeLock(ctx context.Context, pool *pgxpool.Pool) error {
	const attempts = 10
	create := []string{
		"CREATE SCHEMA IF NOT EXISTS " + Schema,
		"CREATE TABLE IF NOT EXISTS " + lockTable + " (singleton boolean PRIMARY KEY)",
	}
	for attempt := 1; ; attempt++ {
		var schema, table bool
		err := pool.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL", Schema,
			lockTable).Scan(&schema, &table)
		for i, exists := range []bool{schema, table} {
			if err == nil && !exists {
				_, err = pool.Exec(ctx, create[i])
			}
		}
		if err == nil {
			return nil
		}
		const uniqueViolation, duplicateSchema, duplicateTable, duplicateObject = "23505", "42P06", "42P07", "42710"
		server, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || attempt == attempts ||
			!slices.Contains([]string{uniqueViolation, duplicateSchema, duplicateTable, duplicateObject}, server.Code) {
			return fmt.Errorf("creating the schema %s: %w", Schema, err)
		}
	}
}

// takeLock returns a transaction that holds the lock.
func takeLock(ctx context.Context, conn *pgx.Conn, logger *slog.Logger, patience time.Duration) (pgx.Tx, error) {
	start, told := time.Now(), time.Time{}
	for {
		tx, err := tryLock(ctx, conn)
		const lockNotAvailable = "55P03"
		if server, ok := errors.AsType[*pgconn.PgError](err); !ok || server.Code != lockNotAvailable {
			return tx, err // the lock is held, or never will be
		}
		holder := lockHolder(ctx, conn)
		if time.Since(told) >= lockToldOf {
			told = time.Now()
			logger.InfoContext(ctx, "waiting for another process that migrates this database", slog.String("holder", holder))
		}
		if waited := time.Since(start); waited >= patience {
			return nil, fmt.Errorf(
				"another process has been migrating this database for %s: %s; wait for it, or end it with pg_terminate_backend, "+
					"and migrate again", waited.Round(time.Second), holder)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another process that migrates this database (%s): %w", holder, ctx.Err())
		case <-time.After(lockInterval):
		}
	}
}

func tryLock(ctx context.Context, conn *pgx.Conn) (pgx.Tx, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("beginning to migrate: %w", err)
	}
	// The transaction idles while other sessions do the work.
	_, err = tx.Exec(ctx,
		"SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE "+lockTable+" IN EXCLUSIVE MODE NOWAIT")
	if err != nil {
		_ = tx.Rollback(ctx) // it failed already
		return nil, fmt.Errorf("taking the migrations' lock: %w", err)
	}
	return tx, nil
}

// lockHolder says which session holds the lock. The server shows little of another role's session to a role that is
// no monitor.
func lockHolder(ctx context.Context, conn *pgx.Conn) string {
	var pid int
	var application, role, since string
	err := conn.QueryRow(ctx,
		`SELECT l.pid, coalesce(nullif(a.application_name, ''), 'unknown'), coalesce(a.usename::text, 'unknown'),
			coalesce(to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'unknown')
		FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'relation' AND l.relation = $1::regclass AND l.granted AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
		ORDER BY l.mode = 'ExclusiveLock' DESC LIMIT 1`, lockTable).Scan(&pid, &application, &role, &since)
	if err != nil {
		return "it has just ended, or cannot be found"
	}
	return fmt.Sprintf("pid %d, application %q, role %s, since %s", pid, application, role, since)
}
