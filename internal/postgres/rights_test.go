package postgres

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/migrations"
)

// loginOf returns a pool of a login that is made by creation, in the database of an administrator's pool.
func loginOf(t *testing.T, admin *pgxpool.Pool, dsn, login string, creation ...string) *pgxpool.Pool {
	t.Helper()
	for _, sql := range append([]string{"CREATE ROLE " + login + " LOGIN PASSWORD 'sesame'"}, creation...) {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	return openPool(t, dsn+" user="+login+" password=sesame", Options{})
}

// The owner of a database who may not create roles learns that before anything has changed. The statements for the
// administrator are enough.
//
// Acceptance.
func TestMigratingSaysWhatItLacksBeforeItBegins(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, ClusterConfig{})
	admin := openPool(t, cluster.DSN(), Options{})
	var database string
	require.NoError(t, admin.QueryRow(t.Context(), "SELECT quote_ident(current_database())").Scan(&database))
	for login, test := range map[string]struct {
		creation []string
		lacks    []string
	}{
		"owner": {
			[]string{"ALTER DATABASE " + database + " OWNER TO owner"},
			[]string{"the role herald_producer does not exist"},
		},
		"outsider": {nil, []string{"the role herald_producer does not exist", "may not create one in the database"}},
	} {
		pool := loginOf(t, admin, keyValues(t, cluster), login, test.creation...)
		_, err := Migrate(t.Context(), pool, migrations.FS, discard())
		require.ErrorContains(t, err, login+" lacks what migrating needs, and nothing was changed")
		_, lacks, lackErr := Lacking(t.Context(), pool)
		require.NoError(t, lackErr)
		require.Len(t, lacks, len(test.lacks), login)
		for i, lack := range test.lacks {
			require.ErrorContains(t, err, lack)
			require.Contains(t, lacks[i].What, lack)
		}
		var schemas int
		require.NoError(t,
			admin.QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'herald'").Scan(&schemas))
		require.Zero(t, schemas, "nothing was changed")
	}

	outsider := openPool(t, keyValues(t, cluster)+" user=outsider password=sesame", Options{})
	_, lacks, err := Lacking(t.Context(), outsider)
	require.NoError(t, err)
	for _, lack := range lacks {
		_, err := admin.Exec(t.Context(), lack.SQL)
		require.NoError(t, err, lack.SQL)
	}
	done, err := Migrate(t.Context(), outsider, migrations.FS, discard())
	require.NoError(t, err, "what was printed is enough")
	require.NotEmpty(t, done)

	owner := openPool(t, keyValues(t, cluster)+" user=owner password=sesame", Options{})
	_, err = Migrate(t.Context(), owner, migrations.FS, discard())
	require.ErrorContains(t, err, "the schema herald belongs to outsider, of which owner is no member")
	_, lacks, err = Lacking(t.Context(), owner)
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), lacks[0].SQL)
	require.NoError(t, err)
	_, err = Migrate(t.Context(), owner, migrations.FS, discard())
	require.NoError(t, err)
}

// keyValues is the cluster's connection string as key=value pairs, without its login.
func keyValues(t *testing.T, cluster *Cluster) string {
	t.Helper()
	config, err := pgxpool.ParseConfig(cluster.DSN())
	require.NoError(t, err)
	c := config.ConnConfig
	return strings.Join([]string{
		"host=" + c.Host, "port=" + strconv.Itoa(int(c.Port)), "dbname=" + c.Database,
		"sslmode=disable",
	}, " ")
}
