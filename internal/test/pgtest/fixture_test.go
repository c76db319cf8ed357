package pgtest

import (
	_ "embed"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/migrations"
)

var update = flag.Bool("update", false, "make testdata/fixture.sql anew, with the pg_dump on PATH")

//go:embed testdata/representative.sql
var representative string

// The fixture is the schema with something in every table: a migration's effect on data is only seen where there is
// data.
func TestFixtureHasSomethingInEveryTable(t *testing.T) {
	t.Parallel()
	if *update {
		makeFixture(t)
		t.Skip("made; run again without -update")
	}
	pool := NewFixture(t).Pool(t)
	rows, err := pool.Query(t.Context(), `SELECT c.relname::text FROM pg_class c
		WHERE c.relnamespace = 'herald'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		AND c.relname NOT IN ('migration_lock', 'river_client', 'river_client_queue', 'river_leader', 'river_notification')`)
	require.NoError(t, err)
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	require.NoError(t, rows.Err())
	require.Greater(t, len(tables), 20)
	for _, table := range tables {
		var some bool
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM herald."+table+")").Scan(&some))
		require.True(t, some, table)
	}
}

// makeFixture dumps a migrated database with the representative rows: as INSERTs, which any connection executes,
// without what differs from one dump to the next.
func makeFixture(t *testing.T) {
	t.Helper()
	d := create(t, New(t).cluster, "template0")
	pool := d.Pool(t)
	_, err := postgres.Migrate(t.Context(), pool, migrations.FS, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, err = d.Conn(t).Exec(t.Context(), representative)
	require.NoError(t, err)
	dump := exec.CommandContext(t.Context(), "pg_dump", "--column-inserts", "--no-owner", d.DSN())
	dump.Stderr = os.Stderr
	out, err := dump.Output()
	require.NoError(t, err)
	out = regexp.MustCompile(
		`(?m)^(\\.*|-- Dumped .*|--|-- Name: .*|-- Data for .*|SET transaction_timeout.*)\n`).ReplaceAll(out, nil)
	out = regexp.MustCompile(`\n{2,}`).ReplaceAll(out, []byte("\n\n"))
	// From PostgreSQL 17 on a partition's seq is an identity column as its table's is.
	out = regexp.MustCompile(`(?m)^(INSERT INTO herald\.outbox_\w+ \([^)]*\)) VALUES`).ReplaceAll(out,
		[]byte("$1 OVERRIDING SYSTEM VALUE VALUES"))
	require.NoError(t, os.WriteFile("testdata/fixture.sql", out, 0o644))
}
