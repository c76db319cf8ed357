package postgres

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
)

// hostile are values that a database and a role may have for the settings that Herald's sessions depend on.
func hostile() map[string]string {
	settings := map[string]string{
		"search_path": "public, pg_catalog", "default_transaction_isolation": "serializable",
		"default_transaction_read_only":  "on",
		"default_transaction_deferrable": "on", "statement_timeout": "5s", "lock_timeout": "1ms",
		"transaction_timeout":  "6s",
		"idle_session_timeout": "7s", "idle_in_transaction_session_timeout": "8s", "tcp_user_timeout": "1",
		"exit_on_error": "on",
		"timezone":      "Asia/Shanghai", "datestyle": "SQL, DMY", "intervalstyle": "sql_standard", "bytea_output": "escape",
		"extra_float_digits": "-15", "client_encoding": "LATIN1", "standard_conforming_strings": "off", "array_nulls": "off",
		"transform_null_equals": "on", "quote_all_identifiers": "on", "gin_fuzzy_search_limit": "1", "row_security": "off",
		"restrict_nonsystem_relation_kind": "view", "plpgsql.extra_errors": "all", "check_function_bodies": "off",
		"session_replication_role": "replica", "client_min_messages": "debug5", "jit": "on",
		"plan_cache_mode":      "force_custom_plan",
		"debug_parallel_query": "on", "force_parallel_mode": "on", "constraint_exclusion": "off",
		"default_table_access_method": "heap",
	}
	for _, s := range (Options{}).withDefaults().settings() {
		if _, told := settings[s.name]; !told && s.value == "on" { // the planner's switches
			settings[s.name] = "off"
		}
	}
	return settings
}

// oppress sets each hostile setting that the server knows, on the database and on the role.
func oppress(t *testing.T, c *Cluster) {
	t.Helper()
	admin := connect(t, c.SocketDSN())
	for name, value := range hostile() {
		var known bool
		require.NoError(t,
			admin.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_settings WHERE lower(name) = lower($1)",
				name).Scan(&known))
		if !known && name != "plpgsql.extra_errors" {
			continue
		}
		for _, of := range []string{"DATABASE herald", "ROLE CURRENT_USER"} {
			value := "'" + value + "'"
			if name == "search_path" {
				value = hostile()[name]
			}
			_, err := admin.Exec(t.Context(), fmt.Sprintf("ALTER %s SET %s = %s", of, name, value))
			require.NoError(t, err, name)
		}
	}
}

func TestASessionHasItsSettingsWhateverTheDatabaseAndTheRoleSay(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	oppress(t, c)
	suffering := connect(t, c.DSN())
	var path string
	require.NoError(t, suffering.QueryRow(t.Context(), "SHOW search_path").Scan(&path))
	require.Equal(t, "public, pg_catalog", path, "the settings have come")

	want := map[string]string{}
	for _, s := range (Options{}).withDefaults().settings() {
		require.NotEmpty(t, s.why, s.name)
		want[s.name] = s.value
	}
	want["idle_in_transaction_session_timeout"] = "1min"
	show := func(of string, ask func(name string) (*string, error)) {
		for name, value := range want {
			got, err := ask(name)
			require.NoError(t, err, "%s of %s", name, of)
			if name == "tcp_user_timeout" && got != nil && *got == "0" { // over a Unix socket
				continue
			}
			if got == nil {
				require.Contains(t,
					[]string{
						"transaction_timeout", "debug_parallel_query", "force_parallel_mode",
						"restrict_nonsystem_relation_kind",
					},
					name, "an older server, or a newer one")
				continue
			}
			require.Contains(t, []string{value, value + "ms"}, *got, "%s of %s", name, of)
		}
	}
	for _, dsn := range []string{c.DSN(), c.SocketDSN()} {
		pool := openPool(t, dsn, Options{})
		show("the pool", func(name string) (value *string, err error) {
			return value, pool.QueryRow(t.Context(), "SELECT current_setting($1, true)", name).Scan(&value)
		})
		migrating := stdlib.OpenDBFromPool(pool)
		show("the migrations", func(name string) (value *string, err error) {
			var text sql.NullString
			err = migrating.QueryRowContext(t.Context(), "SELECT current_setting($1, true)", name).Scan(&text)
			return pointer(text), err
		})
		require.NoError(t, migrating.Close())

		config, err := ConnConfig(dsn)
		require.NoError(t, err)
		single, err := Connect(t.Context(), config)
		require.NoError(t, err)
		show("a session of its own", func(name string) (value *string, err error) {
			return value, single.QueryRow(t.Context(), "SELECT current_setting($1, true)", name).Scan(&value)
		})
		require.NoError(t, single.Close(t.Context()))
	}
}

func pointer(text sql.NullString) *string {
	if !text.Valid {
		return nil
	}
	return &text.String
}

// Everything is migrated in a database of hostile settings. The migrations find only what they name, although a
// schema before theirs has a type, a table and an operator of the names that they use.
func TestMigratingInADatabaseOfHostileSettings(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	oppress(t, c)
	pool := openPool(t, c.DSN(), Options{})
	// A setting that a role may not set for itself does not stop it.
	_, err := pool.Exec(t.Context(),
		"CREATE ROLE modest LOGIN; ALTER ROLE modest SET session_replication_role = 'replica'")
	require.NoError(t, err)
	openPool(t, c.SocketDSN()+"&user=modest", Options{Wait: -1})

	for _, statement := range []string{
		"CREATE TABLE public.pg_tables (nothing int)", "CREATE TABLE public.pg_class (nothing int)",
		"CREATE DOMAIN public.timestamptz AS pg_catalog.text",
		`CREATE FUNCTION public.never(pg_catalog.text, pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''a shadow''; END'`,
		"CREATE OPERATOR public.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = public.never)",
	} {
		_, err := pool.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	_, err = Migrate(t.Context(), pool, twoMigrations(), discard())
	require.NoError(t, err)
	_, missing := pending(t, pool, twoMigrations())
	require.Zero(t, missing)
}
