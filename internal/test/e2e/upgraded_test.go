package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A dump of the first release, restored into another cluster, is migrated, reseeded and served: waiting events are
// relayed behind those of their groups, and none is relayed twice.
func TestADatabaseOfTheFirstReleaseIsServed(t *testing.T) {
	t.Parallel()
	db := pgtest.NewFixture(t)
	kept := []string{"HERALD_RETENTION=87600h", "HERALD_GROUP_RETENTION=87600h"}
	env := settings(db.DSN(), kept...)
	for _, args := range [][]string{{"migrate", "up"}, {"migrate", "reseed"}} {
		code, out, logs := herald(t, env, args...)
		require.Zero(t, code, "%v: %s%s", args, out, logs)
	}
	serve(t, db.DSN(), kept...)
	pool := db.Pool(t)
	scan := func(sql string) (value string) {
		t.Helper()
		require.NoError(t, pool.QueryRow(t.Context(), sql).Scan(&value))
		return value
	}
	const last = `SELECT string_agg(concat_ws(' ', l.position, l.sequence, right(l.event_id::text, 2)), ', ' ORDER BY l.position)
		FROM herald.event_log l WHERE l.group_name = 'teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11'`
	require.True(t, eventually(func() bool { return scan(last) != "3 1 02, 7 2 11" }), scan(last))
	require.Equal(t, "3 1 02, 7 2 11, 8 3 10", scan(last))
	require.Equal(t, "8", scan("SELECT count(*)::text FROM herald.event_log"))
	require.Equal(t, "dead", scan("SELECT status FROM herald.event_status('00000000-0000-7000-8000-000000000007')"))
	require.Equal(t, "scheduled", scan("SELECT status FROM herald.event_status('00000000-0000-7000-8000-000000000009')"))
}
