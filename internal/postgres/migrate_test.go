package postgres

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func file(up string) *fstest.MapFile { return &fstest.MapFile{Data: []byte("-- +goose Up\n" + up)} }

func twoMigrations() fstest.MapFS {
	return fstest.MapFS{
		"00001_one.sql": file("CREATE TABLE herald.one (n int);"),
		"00002_two.sql": file("CREATE TABLE herald.two (n int);"),
	}
}

func emptyDatabase(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return openPool(t, startCluster(t, ClusterConfig{}).DSN(), Options{})
}

func pending(t *testing.T, pool *pgxpool.Pool, files fs.FS) (applied, missing int) {
	t.Helper()
	migrations, err := Status(t.Context(), pool, files)
	require.NoError(t, err)
	for _, m := range migrations {
		if m.Applied {
			applied++
		} else {
			missing++
		}
	}
	return applied, missing
}

// Acceptance: A-190.
func TestMigrateAppliesHeraldsAndRivers(t *testing.T) {
	t.Parallel()
	pool := emptyDatabase(t)
	require.ErrorIs(t, CheckMigrated(t.Context(), pool, twoMigrations()), ErrNotMigrated)
	applied, _ := pending(t, pool, twoMigrations())
	require.Zero(t, applied)
	var exists bool
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT to_regnamespace('herald') IS NOT NULL").Scan(&exists))
	require.False(t, exists, "looking changes nothing")

	done, err := Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)
	require.Equal(t,
		Migration{Line: HeraldLine, Version: 1, Name: "00001_one.sql", Applied: true, AppliedAt: done[0].AppliedAt}, done[0])
	require.Equal(t, RiverLine, done[2].Line)
	for _, table := range []string{"herald.one", "herald.two", "herald.river_job", "herald.goose_db_version"} {
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT to_regclass($1) IS NOT NULL", table).Scan(&exists))
		require.True(t, exists, table)
	}
	_, missing := pending(t, pool, twoMigrations())
	require.Zero(t, missing)
	require.NoError(t, CheckMigrated(t.Context(), pool, twoMigrations()))

	again, err := Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)
	require.Empty(t, again)
}

func TestMigrateAppliesOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	pool := emptyDatabase(t)
	_, err := Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)

	newer := twoMigrations()
	newer["00003_three.sql"] = file("CREATE TABLE herald.three (n int);")
	require.ErrorContains(t, CheckMigrated(t.Context(), pool, newer), "1 of ")
	done, err := Migrate(t.Context(), pool, newer, discard())
	require.NoError(t, err)
	require.Len(t, done, 1)
	require.EqualValues(t, 3, done[0].Version)
}

func TestCheckMigratedMissesRiversToo(t *testing.T) {
	t.Parallel()
	pool := emptyDatabase(t)
	_, err := Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(),
		"DELETE FROM herald.river_migration WHERE version = (SELECT max(version) FROM herald.river_migration)")
	require.NoError(t, err)
	err = CheckMigrated(t.Context(), pool, twoMigrations())
	require.ErrorIs(t, err, ErrNotMigrated)
	require.ErrorContains(t, err, "1 of ")
}

// Acceptance: A-385.
func TestMigrateAtOnceFromManyProcesses(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	counts := make([]int, 4)
	var group errgroup.Group
	for i := range counts {
		pool := openPool(t, c.DSN(), Options{})
		group.Go(func() error {
			done, err := Migrate(t.Context(), pool, twoMigrations(), discard())
			counts[i] = len(done)
			return err
		})
	}
	require.NoError(t, group.Wait())
	total := 0
	for _, n := range counts {
		total += n
	}
	applied, missing := pending(t, openPool(t, c.DSN(), Options{}), twoMigrations())
	require.Zero(t, missing)
	require.Equal(t, applied, total, "each step by one process")
	locks := scan[int](t, c.DSN(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
	require.Zero(t, locks)
}

func TestMigrateKeepsWhatWentWellBeforeAFailure(t *testing.T) {
	t.Parallel()
	pool := emptyDatabase(t)
	files := twoMigrations()
	files["00002_two.sql"] = file("CREATE TABLE herald.two (n int); SELECT 1/0;")
	done, err := Migrate(t.Context(), pool, files, discard())
	require.ErrorContains(t, err, "00002_two.sql")
	require.ErrorContains(t, err, "division by zero")
	require.Len(t, done, 1)

	mended, err := Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)
	require.EqualValues(t, 2, mended[0].Version)
}

func TestMigrateInASchemaThatIsGiven(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	admin := connect(t, c.SocketDSN())
	for _, sql := range []string{
		"CREATE ROLE herald_producer NOLOGIN", "CREATE ROLE modest LOGIN",
		"CREATE SCHEMA herald AUTHORIZATION modest", "REVOKE CREATE ON DATABASE herald FROM PUBLIC",
	} {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	modest := openPool(t, c.SocketDSN()+"&user=modest", Options{})
	_, err := Migrate(t.Context(), modest, twoMigrations(), discard())
	require.NoError(t, err)
}

func TestMigrateNeedsConnections(t *testing.T) {
	t.Parallel()
	pool := openPool(t, startCluster(t, ClusterConfig{}).DSN(), Options{MaxConns: 2})
	_, err := Migrate(t.Context(), pool, twoMigrations(), discard())
	require.ErrorContains(t, err, "needs 3 connections")
}
