package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// SearchPath is where Herald's sessions and functions look for names without a schema: only in pg_catalog and
// herald. If pg_temp were not named, types and tables would be looked for there first.
const SearchPath = "pg_catalog, herald, pg_temp"

// setting is one that Herald's sessions have, whatever the database and the role have for it.
type setting struct{ name, value, why string }

// settings are all settings that the correctness or the timing of Herald's statements depends on. A setting that
// this version of the server does not know is left out.
//
// The database decides the rest: synchronous_commit (the relay sets its own), role, work_mem and the planner's
// costs, default_tablespace, default_toast_compression, the languages and the log's settings.
func (o Options) settings() []setting {
	return []setting{
		{"search_path", SearchPath, "a function or an operator of another schema would run with Herald's rights"},

		{
			"default_transaction_isolation", "read committed",
			"the relay reads what has been committed while it waited; above that its transactions fail",
		},
		{"default_transaction_read_only", "off", "Herald writes"},
		{"default_transaction_deferrable", "off", "a transaction that only reads would wait for all that write"},

		{"statement_timeout", "0", "retention and migrations take their time; everything else brings a limit of its own"},
		{"lock_timeout", "0", "as above; who must not wait says so in the transaction"},
		{"transaction_timeout", "0", "as above"},
		{"idle_session_timeout", "0", "the listener and a pool at rest are idle, and stay"},
		{
			"idle_in_transaction_session_timeout", milliseconds(o.IdleInTransactionTimeout),
			"a process that is stuck holds no locks",
		},
		{"tcp_user_timeout", milliseconds(o.TCPUserTimeout), "a node that vanished from the network holds no locks"},
		{"exit_on_error", "off", "an error that is expected does not cost the session"},

		{"TimeZone", "UTC", "days are UTC's"},
		{"DateStyle", "ISO, MDY", "times are read back as they were written, by pgx in text and by casts"},
		{"IntervalStyle", "postgres", "as above"},
		{"bytea_output", "hex", "as above"},
		{"extra_float_digits", "1", "a number is read back as it was"},
		{"client_encoding", "UTF8", "what Go's strings hold"},
		{"standard_conforming_strings", "on", "what pgx writes into a statement in the simple protocol"},
		{"array_nulls", "on", "a null in an array is one"},
		{"transform_null_equals", "off", "a comparison with null is null"},
		{"quote_all_identifiers", "off", "a name that is read from the catalogue is as it was given"},
		{"gin_fuzzy_search_limit", "0", "the jobs of an event are all found"},
		{"row_security", "on", "off, a function of the user's own that reads tables with policies would fail"},
		{"restrict_nonsystem_relation_kind", "", "the relay's state is a view"},
		{"plpgsql.extra_errors", "none", "Herald's functions are as strict as they say"},
		{"default_table_access_method", "heap", "days are pruned by ctid"},
		{"check_function_bodies", "on", "a migration that does not fit fails when it is applied"},
		{"session_replication_role", "origin", "triggers check what is published, and wake the relay"},
		{"client_min_messages", "warning", "nothing reads more, and debug messages come by the thousand"},

		{
			"jit", "off",
			"compiling a short query costs more than running it: hundreds of milliseconds where an estimate is off",
		},
		{"plan_cache_mode", "auto", "a plan that is made anew for each call costs more than the call"},
		{"debug_parallel_query", "off", "a worker for each query costs milliseconds"},
		{"force_parallel_mode", "off", "as above, until PostgreSQL 15"},
		{
			"enable_seqscan", "on",
			"every query finds its rows by the planner's way for it; the relay narrows that for its own",
		},
		{"enable_indexscan", "on", "as above"},
		{"enable_indexonlyscan", "on", "as above"},
		{"enable_bitmapscan", "on", "as above"},
		{"enable_tidscan", "on", "as above"},
		{"enable_sort", "on", "as above"},
		{"enable_incremental_sort", "on", "as above"},
		{"enable_nestloop", "on", "as above"},
		{"enable_hashjoin", "on", "as above"},
		{"enable_mergejoin", "on", "as above"},
		{"enable_hashagg", "on", "as above"},
		{"enable_material", "on", "as above"},
		{"enable_memoize", "on", "as above"},
		{"enable_partition_pruning", "on", "a row is looked for in its own day"},
		{"constraint_exclusion", "partition", "as above"},
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// ThroughPooler reports whether a connection pooler stands between conn and the database. A pooler numbers its
// clients' sessions itself, so the number that the session began with is not that of the server process behind it.
func ThroughPooler(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var backend uint32
	if err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_backend_pid()",
		pgx.QueryExecModeSimpleProtocol).Scan(&backend); err != nil {
		return false, fmt.Errorf("asking for the session's process: %w", err)
	}
	return backend != conn.PgConn().PID(), nil
}

// Connect opens a single connection, with the settings of a pool's connections.
func Connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	if err := (Options{}).withDefaults().settle(ctx, conn); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(closing) // it failed already
		return nil, err
	}
	return conn, nil
}

// ConnConfig returns the configuration with which [Connect] opens a single connection to the database of the
// connection string.
func ConnConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := Options{}.withDefaults().config(dsn)
	if err != nil {
		return nil, err
	}
	return config.ConnConfig, nil
}

// settle gives a session that is conn's alone its settings, in one round trip. Behind a pooler it sets nothing: the
// setting would stay with a server session that serves another client next. No setting is a startup parameter
// either: a pooler refuses those that it does not know.
func (o Options) settle(ctx context.Context, conn *pgx.Conn) error {
	// The types for query modes that do not ask the server for them.
	conn.TypeMap().RegisterDefaultPgType(uuid.UUID{}, "uuid")
	conn.TypeMap().RegisterDefaultPgType([]uuid.UUID{}, "_uuid")
	conn.TypeMap().RegisterDefaultPgType([][16]byte{}, "_uuid")
	if _, err := conn.PgConn().Exec(ctx, o.settling(conn.PgConn().PID())).ReadAll(); err != nil {
		return fmt.Errorf("setting what the session depends on: %w", err)
	}
	return nil
}

// settling returns the statements of settle. Every name in them is qualified. The time-out for statements is reset
// first, because it would end the rest. Only a superuser can set session_replication_role: it stays as it is where
// Herald is none.
func (o Options) settling(process uint32) string {
	values := make([]string, 0, len(o.settings()))
	for _, s := range o.settings() {
		values = append(values, fmt.Sprintf("('%s', '%s')", s.name, s.value))
	}
	return fmt.Sprintf(
		`SELECT pg_catalog.set_config('statement_timeout', '0', false) WHERE pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %[1]d;
		SELECT pg_catalog.set_config(s.name, s.value, false) FROM (VALUES %[2]s) s (name, value)
		WHERE pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %[1]d
			AND (pg_catalog.current_setting(s.name, true) IS NOT NULL OR pg_catalog.strpos(s.name, '.') OPERATOR(pg_catalog.>) 0)
			AND (pg_catalog.current_setting(s.name, true) IS NULL OR pg_catalog.current_setting(s.name, true) OPERATOR(pg_catalog.<>) s.value)
			AND (s.name OPERATOR(pg_catalog.<>) 'session_replication_role' OR pg_catalog.has_parameter_privilege(s.name, 'SET'))`,
		process, strings.Join(values, ", "))
}
