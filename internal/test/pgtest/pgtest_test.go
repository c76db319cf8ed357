package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/migrations"
)

func TestMain(m *testing.M) { Main(m) }

func TestEveryTestHasItsOwnMigratedDatabase(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			d := New(t)
			pool := d.Pool(t)
			require.NoError(t, postgres.CheckMigrated(t.Context(), pool, migrations.FS))
			_, err := pool.Exec(t.Context(), "CREATE TABLE public.mine (n int)")
			require.NoError(t, err, "nobody else's table is there")
		})
	}
}

func TestDatabaseIsDroppedWhoeverIsConnected(t *testing.T) {
	t.Parallel()
	var dsn string
	t.Run("its life", func(t *testing.T) { // not parallel: the parent waits for its end
		d := New(t)
		dsn = d.DSN()
		stray, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		_, err = stray.Exec(t.Context(), "BEGIN")
		require.NoError(t, err)
	})
	_, err := pgx.Connect(t.Context(), dsn)
	require.ErrorContains(t, err, "does not exist")
}

// The tests run on the version whose binaries they were given, and `make test` gives them all.
//
// Acceptance: A-422.
func TestServerIsOfTheVersionThatWasAskedFor(t *testing.T) {
	t.Parallel()
	var major int
	var serves string
	require.NoError(t, New(t).Pool(t).QueryRow(t.Context(),
		"SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000").Scan(&serves,
		&major))
	require.Contains(t, []int{15, 16, 17, 18}, major)
	if dir := os.Getenv("HERALD_POSTGRES_BIN"); dir != "" {
		asked, err := exec.CommandContext(t.Context(), filepath.Join(dir, "postgres"), "--version").Output()
		require.NoError(t, err)
		require.Equal(t, "postgres (PostgreSQL) "+serves, strings.TrimSpace(string(asked)))
	}
}

func TestEmptyDatabase(t *testing.T) {
	t.Parallel()
	err := postgres.CheckMigrated(t.Context(), NewEmpty(t).Pool(t), migrations.FS)
	require.ErrorIs(t, err, postgres.ErrNotMigrated)
}

func TestClusterComesBackAtItsAddress(t *testing.T) {
	t.Parallel()
	c := NewCluster(t, nil)
	dsn := c.DSN()
	require.NoError(t, c.Kill(t.Context()))
	_, err := pgx.Connect(t.Context(), dsn)
	require.Error(t, err)
	require.NoError(t, c.Restart(t.Context()))
	require.NoError(t, c.Conn(t).Ping(t.Context()))
	require.Equal(t, dsn, c.DSN())
}

func TestDirectoriesOfKilledProcessesAreClearedAway(t *testing.T) {
	t.Parallel()
	dir, err := makeDir()
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "postgres"), 0o755))
	lock := filepath.Join(dir, "postgres", "lock")
	require.NoError(t, os.WriteFile(lock, nil, 0o600))
	clearAway()
	require.DirExists(t, dir, "it may be about to take its lock")
	longAgo := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(lock, longAgo, longAgo))
	alive := NewCluster(t, nil)
	clearAway()
	require.NoDirExists(t, dir)
	require.DirExists(t, alive.Location())
	require.NoError(t, alive.Conn(t).Ping(t.Context()))
}
