package migrations_test

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/test/pgtest"
	"github.com/yummyzoom/herald/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// withSample are the migrations of this release, then testdata's.
func withSample(t *testing.T) fs.FS {
	t.Helper()
	const sample = "99999_sample.sql"
	files := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(migrations.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(migrations.FS, name)
		files[name] = &fstest.MapFile{Data: data}
		return err
	}))
	data, err := os.ReadFile("testdata/" + sample)
	require.NoError(t, err)
	files[sample] = &fstest.MapFile{Data: data}
	return files
}

// migrate brings the database up to date, including functions that have not changed.
func migrate(ctx context.Context, pool *pgxpool.Pool, files fs.FS) error {
	if _, err := pool.Exec(ctx, "UPDATE herald.function_set SET version = 0"); err != nil {
		return err
	}
	_, err := postgres.Migrate(ctx, pool, files, slog.New(slog.DiscardHandler))
	return err
}

// scan returns the only column of the only row that sql gives.
func scan[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, pool.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

const publish = "SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, 'user-1')"

// The migrations since the first release, the functions, and a sample that changes the outbox are applied beside
// writers. A transaction that has written to the outbox and continues delays the migration, but not the producers
// behind it: none of them waits for a lock longer than a second.
func TestMigratingDoesNotHoldUpProducers(t *testing.T) {
	t.Parallel()
	pool := pgtest.NewFixture(t).Pool(t)
	long, err := pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = long.Rollback(context.WithoutCancel(t.Context())) })
	_, err = long.Exec(t.Context(), publish, uuid.New(), uuid.New())
	require.NoError(t, err)

	var writers errgroup.Group
	stop := make(chan struct{})
	for range 3 {
		writers.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
					if _, err := tx.Exec(t.Context(), "SET LOCAL lock_timeout = '1s'"); err != nil {
						return err
					}
					_, err := tx.Exec(t.Context(), publish, uuid.New(), uuid.New())
					return err
				})
				if err != nil {
					return err
				}
			}
		})
	}
	migrated := make(chan error, 1)
	files := withSample(t)
	go func() { migrated <- migrate(t.Context(), pool, files) }()
	var waits []time.Time // the start of each wait of the migration
	require.Eventually(t, func() bool {
		since := scan[*time.Time](t, pool, `SELECT max(l.waitstart) FROM pg_locks l
			WHERE l.relation = 'herald.outbox'::regclass AND l.mode = 'AccessExclusiveLock' AND NOT l.granted`)
		if since != nil && !slices.ContainsFunc(waits, since.Equal) {
			waits = append(waits, *since)
		}
		return len(waits) == 3
	}, 60*time.Second, time.Millisecond, "the migration waits, lets the others by, and tries again")
	require.Empty(t, migrated)
	require.NoError(t, long.Commit(t.Context()))
	require.NoError(t, <-migrated)
	close(stop)
	require.NoError(t, writers.Wait(), "a producer waited longer than a second")
	require.True(t,
		scan[bool](t, pool,
			"SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'herald.outbox'::regclass AND attname = 'sample')"))
}

// shape is what an upgraded database and a new one must have in common. So a function that a release gives up has
// to be dropped by a migration, and a new column has to be added by one.
var shape = map[string]string{
	"functions": `SELECT concat_ws(' ', p.oid::regprocedure, p.prorettype::regtype, p.provolatile, p.proparallel, p.prosecdef, p.proconfig, p.proacl::text,
			pg_get_function_arguments(p.oid), md5(pg_get_functiondef(p.oid)))
		FROM pg_proc p WHERE p.pronamespace = 'herald'::regnamespace`,
	"columns": `SELECT concat_ws(' ', c.oid::regclass, c.relkind, c.relpersistence, c.relreplident, c.reloptions, a.attname, format_type(a.atttypid, a.atttypmod),
			a.attnotnull, a.attidentity, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid), a.attacl::text,
			coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))::text)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE c.relnamespace = 'herald'::regnamespace AND c.relname !~ '_p[0-9]{8}'`,
	"constraints": `SELECT concat_ws(' ', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) FROM pg_constraint c
		WHERE c.connamespace = 'herald'::regnamespace AND c.contype <> 'n' AND c.conrelid::regclass::text !~ '_p[0-9]{8}'`,
	"indexes":  `SELECT i.indexdef FROM pg_indexes i WHERE i.schemaname = 'herald' AND i.tablename !~ '_p[0-9]{8}'`,
	"triggers": `SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgrelid = 'herald.outbox'::regclass`,
	"views":    `SELECT concat(v.viewname, v.definition) FROM pg_views v WHERE v.schemaname = 'herald'`,
}

func TestAnUpgradedDatabaseIsLikeANewOne(t *testing.T) {
	t.Parallel()
	fresh := pgtest.NewEmpty(t).Pool(t)
	_, err := postgres.Migrate(t.Context(), fresh, migrations.FS, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	upgraded := pgtest.NewFixture(t).Pool(t)
	require.NoError(t, migrate(t.Context(), upgraded, migrations.FS))
	for what, query := range shape {
		read := func(pool *pgxpool.Pool) []string {
			rows, err := pool.Query(t.Context(), "SELECT v FROM ("+query+") q (v) ORDER BY v COLLATE \"C\"")
			require.NoError(t, err)
			found, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			require.NotEmpty(t, found)
			return found
		}
		want, got := read(fresh), read(upgraded)
		missing := slices.DeleteFunc(slices.Clone(want), func(v string) bool { return slices.Contains(got, v) })
		more := slices.DeleteFunc(slices.Clone(got), func(v string) bool { return slices.Contains(want, v) })
		require.Empty(t, missing, "%s that only a new database has", what)
		require.Empty(t, more, "%s that only an upgraded database has", what)
	}
}

// Every row of the first release is there after the migrations, with its values: columns may be added.
func TestMigratingKeepsEveryRow(t *testing.T) {
	t.Parallel()
	pool := pgtest.NewFixture(t).Pool(t)
	tables := scan[[]string](t, pool,
		`SELECT array_agg(c.relname::text) FROM pg_class c WHERE c.relnamespace = 'herald'::regnamespace
		AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT IN ('goose_db_version', 'river_migration', 'function_set')`)
	for _, table := range tables {
		_, err := pool.Exec(t.Context(),
			"CREATE TABLE public.was_"+table+" AS SELECT to_jsonb(r) AS row FROM herald."+table+" r")
		require.NoError(t, err)
	}
	require.NoError(t, migrate(t.Context(), pool, withSample(t)))
	for _, table := range tables {
		require.Empty(t, scan[[]string](t, pool, `SELECT coalesce(array_agg(w.row::text), '{}') FROM public.was_`+table+` w
			WHERE NOT EXISTS (SELECT FROM herald.`+table+` r WHERE to_jsonb(r) @> w.row)`), table)
		require.Equal(t, scan[int](t, pool, "SELECT count(*)::int FROM public.was_"+table),
			scan[int](t, pool, "SELECT count(*)::int FROM herald."+table), table)
	}
}

// Events that the first release published are traced as they were, and its grants hold.
func TestEventsOfTheFirstReleaseAreToldOf(t *testing.T) {
	t.Parallel()
	pool := pgtest.NewFixture(t).Pool(t)
	require.NoError(t, migrate(t.Context(), pool, withSample(t)))
	for n, want := range map[int]string{
		1: "relayed order:f47ac10b-58cc-4372-a567-0e02b2c3d479 1 1, relayed restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e 2 1, duplicate",
		2: "relayed teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11 3 1",
		4: "relayed restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e 4 2",
		5: "relayed admin 5 1", 6: "relayed restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e 6 0", 7: "dead", 8: "dropped",
		9: "scheduled", 10: "waiting",
		11: "relayed teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11 7 2", 12: "unknown",
	} {
		require.Equal(t, want,
			scan[string](t, pool,
				`SELECT string_agg(concat_ws(' ', s.status, s.group_name, s.position, s.sequence), ', ' ORDER BY n)
			FROM herald.event_status(('00000000-0000-7000-8000-' || lpad($1::int::text, 12, '0'))::uuid) WITH ORDINALITY
			s (status, written_at, deliver_after, relayed_at, relayed_by, group_name, "position", sequence, detail, relayed_host, outbox_seq,
				attempts, next_attempt_at, settled_at, times_published, broadcasts, n)`, n), "event %d", n)
	}
	for user, want := range map[string][2]any{
		"user-1": {"MustBeOrderOwner", true}, "user-3": {"MustBeRestaurantStaff", false},
		"user-4": {"MustBeRestaurantOwner", true},
	} {
		resource := "f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e"
		if want[0] == "MustBeOrderOwner" {
			resource = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
		}
		require.Equal(t, want[1], scan[bool](t, pool, "SELECT herald.can_subscribe($1, $2, $3)", want[0], resource, user),
			user)
	}
}

// Objects that depend on the functions of the previous release keep working. A login that was granted a function
// may still call it, also in a session that has prepared the call before.
//
// Acceptance: A-509.
func TestProducersOfTheReleaseBeforeGoOn(t *testing.T) {
	t.Parallel()
	db := pgtest.NewFixture(t)
	pool := db.Pool(t)
	exec := func(sql string) {
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	login := pgx.Identifier{"shop_" + uuid.NewString()}.Sanitize()
	exec("CREATE ROLE " + login + " LOGIN")
	t.Cleanup(func() {
		_, err := pool.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+login+"; DROP ROLE "+login)
		require.NoError(t, err)
	})
	const teamcart = "herald.publish_teamcart_event(text, uuid, text, text, uuid, timestamptz, uuid, timestamptz, jsonb, text)"
	exec(`GRANT EXECUTE ON FUNCTION ` + teamcart + ` TO ` + login + `;
		CREATE VIEW public.published AS SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid()) AS event_id;
		CREATE FUNCTION public.placed(n text) RETURNS uuid LANGUAGE sql
			BEGIN ATOMIC SELECT herald.publish_order_event('OrderPlaced', gen_random_uuid(), n, 'Placed', gen_random_uuid(), 'user-1'); END`)
	conn := db.Conn(t)
	_, err := conn.Prepare(t.Context(), "publish", publish)
	require.NoError(t, err)
	goesOn := func() {
		t.Helper()
		var id uuid.UUID
		require.NoError(t, conn.QueryRow(t.Context(), "publish", uuid.New(), uuid.New()).Scan(&id))
		require.NotZero(t, id)
		require.NotZero(t, scan[uuid.UUID](t, pool, "SELECT event_id FROM public.published"))
		require.NotZero(t, scan[uuid.UUID](t, pool, "SELECT public.placed('YZ-2')"))
		require.True(t,
			scan[bool](t, pool, "SELECT has_function_privilege($1, $2, 'EXECUTE')", login[1:len(login)-1], teamcart))
	}
	goesOn()
	require.NoError(t, migrate(t.Context(), pool, withSample(t)))
	goesOn()
}

// A schema from before the first release, whose migrations had other numbers, is left alone, and reported in one
// line.
func TestASchemaFromBeforeTheFirstReleaseIsRefused(t *testing.T) {
	t.Parallel()
	pool := pgtest.NewEmpty(t).Pool(t)
	_, err := pool.Exec(t.Context(), `CREATE SCHEMA herald;
		CREATE TABLE herald.goose_db_version (id int PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL,
			is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now());
		INSERT INTO herald.goose_db_version (version_id, is_applied) SELECT n, true FROM generate_series(0, 25) n;
		CREATE TABLE herald.outbox (seq bigint)`)
	require.NoError(t, err)
	_, err = postgres.Migrate(t.Context(), pool, migrations.FS, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, postgres.ErrBeforeRelease)
	require.ErrorContains(t, err, "DROP SCHEMA herald CASCADE")
	require.NotContains(t, err.Error(), "\n")
	err = postgres.CheckMigrated(t.Context(), pool, migrations.FS)
	require.ErrorIs(t, err, postgres.ErrBeforeRelease)
	require.True(t, postgres.Final(err), "a node does not wait for it")
	_, err = postgres.Status(t.Context(), pool, migrations.FS)
	require.ErrorIs(t, err, postgres.ErrBeforeRelease)
	require.Equal(t, 2,
		scan[int](t, pool,
			"SELECT count(*)::int FROM pg_class WHERE relnamespace = 'herald'::regnamespace AND relkind = 'r'"),
		"nothing was changed")

	_, err = pool.Exec(t.Context(), "DROP SCHEMA herald CASCADE")
	require.NoError(t, err)
	_, err = postgres.Migrate(t.Context(), pool, migrations.FS, slog.New(slog.DiscardHandler))
	require.NoError(t, err, "what is said is enough")
	require.NoError(t, postgres.CheckMigrated(t.Context(), pool, migrations.FS))
}
