package pgtest

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/migrations"
)

// A session that does not set its path meets the shadows in every name; a session of Herald's does not.
func TestShadowsAreMet(t *testing.T) {
	t.Parallel()
	d := New(t)
	d.Shadow(t)
	naive, err := pgx.Connect(t.Context(), d.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { _ = naive.Close(t.Context()) })
	var version int
	require.NoError(t,
		naive.QueryRow(t.Context(),
			"SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4").Scan(&version))
	statements := []string{
		"SELECT count(*) FROM herald.outbox", "SELECT * FROM pg_class", "SELECT 'x'::text", "SELECT now()", "SELECT 1 = 1",
		"SELECT 'a'::pg_catalog.text <> 'b'",
		"SELECT '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid = ANY ('{00000000-0000-0000-0000-000000000000}'::pg_catalog.uuid[])", "SELECT unnest($1::bigint[])", "SELECT format('%s', 1)", "SELECT array_agg(1)",
		"SELECT jsonb_build_object('a', 1)", "SELECT * FROM outbox", "SELECT generate_series(1, 2)",
		"SELECT max(seq) FROM herald.outbox",
		"SELECT coalesce(length('x'), 0)", "SELECT CASE 1 WHEN 1 THEN 1 END", "SELECT 1 IN (1, 2)", "SELECT nullif(1, 2)",
		"SELECT 1 IS DISTINCT FROM 2",
		"SELECT lag(1) OVER ()", "SELECT num_nulls(1, 2)", "SELECT last_seq()",
	}
	const withLoginTriggers = 170000
	own := pgx.TxOptions{BeginQuery: "BEGIN; SET LOCAL search_path = pg_catalog, herald"}
	if version >= withLoginTriggers {
		for _, statement := range []string{"SELECT 'x'::text", "SELECT * FROM pg_class", "SELECT * FROM outbox"} {
			tx, err := naive.BeginTx(t.Context(), own)
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), statement)
			require.Error(t, err, "%s: pg_temp comes first", statement)
			require.NoError(t, tx.Rollback(t.Context()))
		}
	}
	for _, statement := range statements {
		var args []any
		if strings.Contains(statement, "$1") {
			args = append(args, nil)
		}
		_, err := naive.Exec(t.Context(), statement, args...)
		require.Error(t, err, statement)
	}
	require.NoError(t, postgres.CheckMigrated(t.Context(), d.Pool(t), migrations.FS))
}
