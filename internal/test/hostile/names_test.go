package hostile_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A login that may create objects in public, as every login may in databases from before PostgreSQL 15, cannot have
// code run with Herald's rights: not from Herald's own sessions, and not from a session of the owner's with the
// database's defaults.
func TestWhatIsCreatedInPublicIsNotRunByHerald(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	exec(t, db.Conn(t), "GRANT CREATE ON SCHEMA public TO PUBLIC")
	attacker := login(t, db, "svc")
	for _, body := range []string{
		`to_char(date, text) RETURNS text`, `to_char(timestamp, text) RETURNS text`,
		`date_trunc(text, timestamp) RETURNS timestamptz`,
		`format(text, text) RETURNS text`, `format(text, text, text) RETURNS text`,
		`format(text, text, timestamptz, timestamptz) RETURNS text`,
		`unnest(text[]) RETURNS SETOF text`, `unnest(bigint[]) RETURNS SETOF bigint`, `unnest(uuid[]) RETURNS SETOF uuid`,
		`unnest(xid8[]) RETURNS SETOF xid8`,
		`max(bigint) RETURNS bigint`, `pg_notify(text, text) RETURNS void`,
		`set_config(text, text, boolean) RETURNS text`, `to_regclass(text) RETURNS regclass`,
		`cardinality(bigint[]) RETURNS int`,
		`age(xid8) RETURNS int`, `generate_series(bigint, int) RETURNS SETOF bigint`,
		`hashtextextended(text, int) RETURNS bigint`,
		`jsonb_build_object(text, text) RETURNS jsonb`, `make_interval(double precision) RETURNS interval`,
	} {
		exec(t, attacker,
			"CREATE FUNCTION public."+body+` LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''run as %'', current_user; END'`)
	}
	exec(t, attacker,
		`CREATE FUNCTION public.refuse(text, date) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''run as %'', current_user; END';
		CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = date, FUNCTION = public.refuse)`)

	owner := db.Conn(t)
	for _, days := range []int{-20, -21} {
		for _, table := range []string{"outbox", "event_log"} {
			exec(t, owner, "SELECT herald.ensure_partition($1, $2)", table, time.Now().AddDate(0, 0, days))
		}
	}
	exec(t, owner, "SELECT herald.retire_log_day($1)", time.Now().AddDate(0, 0, -21))
	exec(t, owner, "SELECT * FROM herald.retire_outbox_day($1, 10000)", time.Now().AddDate(0, 0, -21))

	node(t, db, nil)
	pool := db.Pool(t)
	require.Eventually(t, func() bool {
		created, err := retention.EnsurePartitions(t.Context(), pool, time.Now().AddDate(0, 0, 30), 2)
		require.NotContains(t, fmt.Sprint(err), "run as")
		return err == nil && created == 0
	}, patience, 20*time.Millisecond)
	retention := retention.New(pool, retention.Config{Logger: slog.New(slog.DiscardHandler)})
	require.Eventually(t, func() bool {
		_, err := retention.Run(t.Context())
		require.NotContains(t, fmt.Sprint(err), "run as")
		var left int
		require.NoError(t,
			pool.QueryRow(t.Context(),
				"SELECT count(*) FROM herald.days_before('outbox', now() - interval '8 days')").Scan(&left))
		return left == 0 // a lock that times out is tried again
	}, patience, 20*time.Millisecond)
	var path string
	require.NoError(t, pool.QueryRow(t.Context(), "SHOW search_path").Scan(&path))
	require.Equal(t, postgres.SearchPath, path)
}

// A lock that any login may take does not stop the making of partitions.
func TestAnAdvisoryLockKeepsNoPartitionFromBeingMade(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	exec(t, login(t, db, "keeper"), "SELECT pg_advisory_lock(hashtextextended('herald partitions', 0))")
	created, err := retention.EnsurePartitions(t.Context(), db.Pool(t), time.Now().AddDate(0, 0, 30), 2)
	require.NoError(t, err)
	require.Equal(t, 2*3, created)
}
