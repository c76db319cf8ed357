package e2e_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
)

// A folder with the database of a development version before the first release is left alone, and one line says what
// to do.
func TestAFolderFromBeforeTheFirstReleaseIsRefused(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	cluster, err := postgres.StartCluster(
		t.Context(), postgres.ClusterConfig{DataDir: dir, Logger: slog.New(slog.DiscardHandler)},
	)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), cluster.DSN())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `CREATE SCHEMA herald; CREATE TABLE herald.outbox (seq bigint);
		CREATE TABLE herald.goose_db_version (id int, version_id bigint, is_applied boolean, tstamp timestamp DEFAULT now());
		INSERT INTO herald.goose_db_version (version_id, is_applied) VALUES (25, true)`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, cluster.Stop(t.Context()))

	for _, command := range [][]string{{"dev"}, {"migrate", "up"}} {
		code, _, logs := herald(t, []string{"HERALD_DATA_DIR=" + dir}, command...)
		require.NotZero(t, code)
		lines := strings.Split(strings.TrimSpace(logs), "\n")
		require.Equal(
			t,
			"herald: "+dir+" holds a database that a development version before the first release has made, which cannot be "+
				"upgraded: delete that folder and start again; nothing was changed",
			lines[len(lines)-1],
			"%v",
			command,
		)
	}
}
