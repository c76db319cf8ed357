package outbox_test

import (
	"io/fs"
	"log/slog"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/test/fixture"
	"github.com/yummyzoom/herald/internal/test/pgtest"
	"github.com/yummyzoom/herald/migrations"
)

// upTo holds the first so many migrations.
func upTo(t *testing.T, count int) fs.FS {
	t.Helper()
	names, err := fs.Glob(migrations.FS, "*.sql")
	require.NoError(t, err)
	first := fstest.MapFS{}
	for _, name := range names[:count] {
		data, err := fs.ReadFile(migrations.FS, name)
		require.NoError(t, err)
		first[name] = &fstest.MapFile{Data: data}
	}
	return first
}

// A migration that changes the outbox needs it for itself for a moment. A transaction that has written to it and goes on keeps the migration
// waiting, but not the producers behind the migration.
func TestMigratingDoesNotHoldUpProducers(t *testing.T) {
	t.Parallel()
	const before = 11 // the outbox is changed by the migration after these
	db := pgtest.NewEmpty(t)
	b := &bundle{fixture.On(t, db)}
	logger := slog.New(slog.DiscardHandler)
	_, err := postgres.Migrate(t.Context(), b.Pool, upTo(t, before), logger)
	require.NoError(t, err)

	long, err := b.Pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = fixture.Insert(t, long, fixture.Order())
	require.NoError(t, err)
	migrated := make(chan error, 1)
	go func() {
		_, err := postgres.Migrate(t.Context(), b.Pool, migrations.FS, logger)
		migrated <- err
	}()
	require.Eventually(t, func() bool {
		return fixture.Scan[bool](t, b.Pool, "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'herald.outbox'::regclass AND NOT granted)")
	}, 20*time.Second, time.Millisecond, "the migration waits")
	for start := time.Now(); time.Since(start) < 2*time.Second; {
		from := time.Now()
		_, err := fixture.Insert(t, b.Pool, fixture.Order())
		require.NoError(t, err)
		require.Less(t, time.Since(from), 10*time.Second, "half a second, on however slow a machine; else until the long transaction ends")
	}
	require.Empty(t, migrated)

	require.NoError(t, long.Commit(t.Context()))
	require.NoError(t, <-migrated)
	_, err = fixture.Insert(t, b.Pool, fixture.Order())
	require.NoError(t, err)
	_, err = fixture.Insert(t, b.Pool, fixture.Cart(fixture.Columns{"event_type": "CartEaten"}))
	require.ErrorContains(t, err, "unknown event_type 'CartEaten'")
}

// What the last migrations of a release have done can be taken back, and done again.
func TestMigrationsAreTakenBackAndDoneAgain(t *testing.T) {
	t.Parallel()
	const before = 15
	b := setup(t)
	db := stdlib.OpenDBFromPool(b.Pool)
	t.Cleanup(func() { _ = db.Close() })
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithTableName("herald.goose_db_version"), goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	shape := func() string {
		return fixture.Scan[string](t, b.Pool, `SELECT string_agg(concat_ws(' ', p.oid::regprocedure, p.proconfig, md5(p.prosrc)), E'\n' ORDER BY p.oid::regprocedure::text)
			FROM pg_proc p WHERE p.pronamespace = 'herald'::regnamespace`)
	}
	done := shape()
	_, err = provider.DownTo(t.Context(), before)
	require.NoError(t, err)
	require.NotEqual(t, done, shape())
	_, err = provider.Up(t.Context())
	require.NoError(t, err)
	require.Equal(t, done, shape())
	b.Relayed(t, fixture.Order())
	b.Retire(t)
}
