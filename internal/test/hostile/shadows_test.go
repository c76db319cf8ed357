package hostile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// shadows creates, in the schema svc and in the producer's name, everything that a search_path can put before
// PostgreSQL's own: every operator between the types that Herald's functions use, every function whose name occurs
// in them, and the types. Operators and functions return the values that let the most pass: true, 'object', 0. %s
// is the text of Herald's functions, which the producer may not read all of in the catalog.
const shadows = `
CREATE TEMP TABLE made (kind text, name text);
DO $shadows$
DECLARE
	concrete constant jsonb := '{"anyarray": "text[]", "anycompatiblearray": "text[]", "anyelement": "text", "anycompatible": "text",
		"anynonarray": "text", "\"any\"": "text"}';
	types constant text[] := '{text,uuid,jsonb,jsonpath,json,bigint,integer,numeric,timestamp with time zone,boolean,text[],bigint[],name,oid,regclass,bytea,
		double precision,timestamp without time zone}';
	o record;
	body text;
BEGIN
	FOR o IN
		SELECT op.oprname AS name, coalesce(concrete->>format_type(op.oprleft, NULL), format_type(op.oprleft, NULL)) AS l,
			coalesce(concrete->>format_type(op.oprright, NULL), format_type(op.oprright, NULL)) AS r, format_type(op.oprresult, NULL) AS result,
			row_number() OVER () AS n
		FROM pg_catalog.pg_operator op WHERE op.oprleft <> 0
	LOOP
		CONTINUE WHEN NOT (o.l = ANY (types) AND o.r = ANY (types));
		o.result := coalesce(concrete->>o.result, o.result);
		body := CASE o.result WHEN 'boolean' THEN 'true' ELSE 'NULL' END;
		BEGIN
			EXECUTE format('CREATE FUNCTION svc.op_%s(%s, %s) RETURNS %s LANGUAGE sql IMMUTABLE AS ''SELECT %s::%s''', o.n, o.l, o.r, o.result, body, o.result);
			EXECUTE format('CREATE OPERATOR svc.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = svc.op_%s)', o.name, o.l, o.r, o.n);
			INSERT INTO made VALUES ('operator', o.name);
		EXCEPTION WHEN duplicate_function THEN NULL;
		END;
	END LOOP;
	FOR o IN
		SELECT p.proname AS name, format_type(p.prorettype, NULL) AS result, p.proretset,
			(SELECT string_agg(coalesce(concrete->>format_type(a, NULL), format_type(a, NULL)), ', ' ORDER BY n)
				FROM unnest(p.proargtypes) WITH ORDINALITY t (a, n)) AS arguments, p.provariadic <> 0 AS variadic
		FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f'
			AND p.proname = ANY (ARRAY(SELECT DISTINCT m[1] FROM regexp_matches($sources$%s$sources$, '([a-z_0-9]+)\(', 'g') m))
	LOOP
		o.result := coalesce(concrete->>o.result, o.result);
		body := CASE o.result WHEN 'boolean' THEN 'true' WHEN 'text' THEN '''object''' WHEN 'integer' THEN '0' WHEN 'bigint' THEN '0' ELSE 'NULL' END;
		FOREACH body IN ARRAY CASE WHEN o.variadic THEN ARRAY[body, body || ' '] ELSE ARRAY[body] END LOOP
			BEGIN
				EXECUTE format('CREATE FUNCTION svc.%I(%s) RETURNS %s %s LANGUAGE sql AS ''SELECT %s::%s''', o.name,
					o.arguments || CASE WHEN body LIKE '% ' THEN ', text, text' ELSE '' END, CASE WHEN o.proretset THEN 'SETOF' ELSE '' END, o.result,
					replace(body, '''', ''''''), o.result);
				INSERT INTO made VALUES ('function', o.name);
			EXCEPTION WHEN duplicate_function OR invalid_function_definition OR undefined_object OR syntax_error THEN NULL;
			END;
		END LOOP;
	END LOOP;
	-- Last, for what is above names them.
	FOR o IN SELECT unnest('{text,uuid,jsonb,jsonpath,int8,int4,numeric,timestamptz,bool,regclass,name}'::text[]) AS name LOOP
		EXECUTE format('CREATE DOMAIN svc.%I AS pg_catalog.%I CHECK (false)', o.name, o.name);
		EXECUTE format('CREATE DOMAIN pg_temp.%I AS pg_catalog.%I CHECK (false)', o.name, o.name);
	END LOOP;
END
$shadows$;
CREATE TEMP TABLE outbox (event_type pg_catalog.text);
CREATE TEMP TABLE pg_class (oid pg_catalog.oid, relowner pg_catalog.oid);`

// sessions are the states that a producer can give its session, beside the default.
func sessions() []string {
	paths := []string{
		"svc, pg_catalog", "svc", "pg_temp, svc, pg_catalog", "pg_catalog, svc, pg_temp",
		"svc, pg_temp, pg_catalog, herald",
	}
	settings := []string{
		"datestyle = 'SQL, DMY'", "datestyle = 'German'", "datestyle = 'Postgres, MDY'", "timezone = 'Asia/Shanghai'",
		"intervalstyle = 'sql_standard'",
		"standard_conforming_strings = off", "transform_null_equals = on", "array_nulls = off", "bytea_output = 'escape'",
		"extra_float_digits = -15",
		"quote_all_identifiers = on", "plan_cache_mode = force_generic_plan",
		"check_function_bodies = off", "row_security = off",
		"herald.notifies = 'true'", "herald.target = '1:2:'", "herald.notify = 'perhaps'",
		"timezone_abbreviations = 'Australia'",
		"default_transaction_isolation = 'serializable'", "enable_seqscan = off",
	}
	all := make([]string, 0, len(paths)+len(settings))
	for _, path := range paths {
		all = append(all, "search_path = "+path)
	}
	return append(all, settings...)
}

// refusal is how an attempt ends.
type refusal struct{ code, message, hint string }

func refused(t *testing.T, name string, err error) refusal {
	t.Helper()
	failure, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%s: %v", name, err)
	return refusal{failure.Code, failure.Message, failure.Hint}
}

// A producer's login can publish and nothing else, whatever it owns and sets. The table, COPY and the functions
// refuse the same attempts as without hostile objects, and accepted events are as they were written.
//
// Acceptance.
func TestOperatorsFunctionsTypesAndSettingsOfAProducersOwn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := db.Conn(t)
	conn := producer(t, db)
	attempts := attempts()
	plain := map[string]refusal{}
	for name, attempt := range attempts {
		plain[name] = refused(t, name, attempt(t, conn))
		require.Contains(t, []string{"23514", "42501"}, plain[name].code, "%s: %v", name, plain[name])
	}
	var sources string
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT string_agg(pg_get_functiondef(p.oid), '') FROM pg_proc p
		WHERE p.pronamespace = 'herald'::regnamespace AND p.proname ~ '^(accept_event|judge_event|refuse_event|other_type|check_.*|publish_.*|utc|utc_or_text|uuidv7)$'`).Scan(&sources))
	// Functions that are not called by a bare name today may be called so later.
	_, err := conn.Exec(t.Context(),
		strings.Replace(shadows, "%s$sources$",
			sources+" length( octet_length( isfinite( jsonb_typeof( pg_has_role($sources$", 1))
	require.NoError(t, err)
	var operators, functions int
	require.NoError(t,
		conn.QueryRow(t.Context(),
			`SELECT count(*) FILTER (WHERE kind = 'operator'), count(*) FILTER (WHERE kind = 'function') FROM pg_temp.made`).
			Scan(&operators, &functions))
	require.Greater(t, operators, 200)
	require.Greater(t, functions, 40)

	written := func() (n int) {
		require.NoError(t, owner.QueryRow(t.Context(), "SELECT count(*) FROM herald.outbox").Scan(&n))
		return n
	}
	for _, session := range sessions() {
		exec(t, conn, "RESET ALL")
		exec(t, conn, "SET "+session)
		for name, attempt := range attempts {
			require.Equal(t, plain[name], refused(t, session+": "+name, attempt(t, conn)), "%s: %s", session, name)
		}
		require.Zero(t, written(), session)
	}
	for i, session := range sessions() {
		exec(t, conn, "RESET ALL")
		exec(t, conn, "SET "+session)
		for _, sql := range valid() {
			_, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err, "%s: %s", session, sql)
		}
		require.Equal(t, (i+1)*len(valid()), written(), session)
	}
	var kinds int
	require.NoError(t,
		owner.QueryRow(t.Context(),
			`SELECT count(DISTINCT (event_type, resource_id, restaurant_id, customer_id, audience, payload - 'lastUpdateTimestamp'))
		FROM herald.outbox WHERE written_at - occurred_on_utc < '1 minute' AND event_id::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7'`).Scan(&kinds))
	require.Equal(t, len(valid()), kinds, "each was written as in the other sessions")
}

// A collation in which letters of both cases are equal does not make another event type valid: a function takes the
// collation of its arguments.
//
// Acceptance: A-431.
func TestACollationOfAProducersOwn(t *testing.T) {
	t.Parallel()
	conn := producer(t, pgtest.New(t))
	if _, err := conn.Exec(t.Context(),
		"CREATE COLLATION svc.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"); err != nil {
		t.Skipf("this server has no ICU: %v", err)
	}
	for _, sql := range []string{
		`SELECT herald.publish_order_event('orderplaced' COLLATE svc.ci, gen_random_uuid(), 'YZ-1', 'Placed', gen_random_uuid(), 'user-1')`,
		`SELECT herald.publish_teamcart_event('CARTUPDATED' COLLATE svc.ci, gen_random_uuid())`,
		`SELECT herald.publish_admin_event('systemalert' COLLATE svc.ci, '{"type": "info", "message": "m"}')`,
		`SELECT herald.publish_order_event('OrderPlaced', gen_random_uuid(), 'YZ-1', 'Placed', gen_random_uuid(), 'user-1', 'BOTH' COLLATE svc.ci)`,
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.Equal(t, "23514", refused(t, sql, err).code, sql)
	}
}

const (
	anOrder      = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
	aRestaurant  = "f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e"
	zero         = "00000000-0000-0000-0000-000000000000"
	orderPayload = `{"orderNumber": "YZ-1", "status": "Placed"}`
)

// valid are statements that publish with literals only: the statements themselves do not depend on the search_path.
func valid() []string {
	return []string{
		"SELECT herald.publish_order_event('OrderPlaced', '" + anOrder + "', 'YZ-1', 'Placed', '" +
			aRestaurant + "', 'user-1')",
		"SELECT herald.publish_order_event('OrderPlaced', '" + anOrder + "', 'YZ-2', 'Placed', '" + aRestaurant +
			"', 'user-1', 'Customer', '2025-01-20T17:35:00+07')",
		"SELECT herald.publish_teamcart_event('CartUpdated', '" + anOrder + "')",
		"SELECT herald.publish_teamcart_event('CartPaymentEvent', '" + anOrder + "', 'user-1', 'Paid')",
		"SELECT herald.publish_teamcart_event('CartConverted', '" + anOrder + "', order_id => '" + aRestaurant + "')",
		`SELECT herald.publish_admin_event('SystemAlert', '{"type": "info", "message": "m", "severity": "odd", "data": {"a": [1]}}')`,
		`SELECT herald.publish_admin_event('UserCountUpdate', '{"totalUsers": 1, "activeUsers": 1, "newUsersToday": 9007199254740991}')`,
		"SELECT herald.publish_order_event('OrderPlaced', '" + anOrder + "', 'YZ-3', 'Placed', '" + aRestaurant +
			`', 'user-1', extra => '{"total": 12.50, "status": "mine"}', traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')`,
		"SELECT herald.publish_teamcart_event('CartLocked', '" + anOrder +
			`', extra => '{"items": [1], "userId": "mine"}', traceparent => 'no trace context')`,
		"INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, audience, payload) VALUES ('OrderPlaced', '" + anOrder + "', '" +
			aRestaurant + `', 'user-1', 'Restaurant', '{"orderNumber": "Ü", "status": "Placed", "deliveredAt": "2024-02-29T10:00:00.5+05:30", "items": [{"a": 1}]}')`,
	}
}

// attempts are the events that herald.outbox must refuse from a producer, by name.
func attempts() map[string]func(t *testing.T, conn *pgx.Conn) error {
	all := map[string]func(t *testing.T, conn *pgx.Conn) error{}
	order := func(name, column, value string) {
		columns := map[string]string{
			"event_type": "OrderPlaced", "resource_id": anOrder, "restaurant_id": aRestaurant,
			"customer_id": "user-1", "payload": orderPayload,
		}
		columns[column] = value
		names, values := make([]string, 0, len(columns)), make([]string, 0, len(columns))
		for column, value := range columns {
			names, values = append(names, column), append(values, value)
		}
		all["insert: "+name] = func(t *testing.T, conn *pgx.Conn) error {
			t.Helper()
			literals := make([]string, len(values))
			for i, value := range values {
				literals[i] = "'" + strings.ReplaceAll(value, "'", "''") + "'"
			}
			_, err := conn.Exec(t.Context(),
				fmt.Sprintf("INSERT INTO herald.outbox (%s) VALUES (%s)", strings.Join(names, ", "), strings.Join(literals, ", ")),
				pgx.QueryExecModeSimpleProtocol)
			return err
		}
		all["copy: "+name] = func(t *testing.T, conn *pgx.Conn) error {
			t.Helper()
			line := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`).Replace(strings.Join(values, "\x00"))
			_, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(strings.ReplaceAll(line, "\x00", "\t")+"\n"),
				fmt.Sprintf("COPY herald.outbox (%s) FROM STDIN", strings.Join(names, ", ")))
			return err
		}
	}
	admin := func(name, eventType, payload string) {
		all["admin: "+name] = func(t *testing.T, conn *pgx.Conn) error {
			t.Helper()
			_, err := conn.Exec(t.Context(), "SELECT herald.publish_admin_event('"+eventType+"', '"+payload+"')",
				pgx.QueryExecModeSimpleProtocol)
			return err
		}
		order(name+" with a type of the others", "event_type", eventType+" ")
	}
	order("a revocation", "event_type", "AccessRevoked")
	order("an unknown type", "event_type", "OrderEaten")
	order("no event id", "event_id", zero)
	order("no order", "resource_id", zero)
	order("no restaurant", "restaurant_id", zero)
	order("no customer", "customer_id", "")
	order("a long customer", "customer_id", strings.Repeat("u", 257))
	order("an unknown audience", "audience", "Everybody")
	order("an occurrence in the infinite future", "occurred_on_utc", "infinity")
	order("an occurrence in the infinite past", "occurred_on_utc", "-infinity")
	order("a delivery that never comes", "deliver_after", "infinity")
	order("a long trace context", "traceparent", strings.Repeat("0", 513))
	order("200 KB", "payload", `{"orderNumber": "YZ-1", "status": "Placed", "more": "`+strings.Repeat("x", 200<<10)+`"}`)
	order("an array", "payload", "[]")
	order("an empty payload", "payload", "{}")
	order("names in .NET's case", "payload", `{"OrderNumber": "YZ-1", "Status": "Placed"}`)
	order("a number as a number", "payload", `{"orderNumber": 1, "status": "Placed"}`)
	order("a blank status", "payload", `{"orderNumber": "YZ-1", "status": " "}`)
	order("a time that is none", "payload", `{"orderNumber": "YZ-1", "status": "Placed", "deliveredAt": "yesterday"}`)
	order("the 30th of February", "payload",
		`{"orderNumber": "YZ-1", "status": "Placed", "deliveredAt": "2025-02-30T10:00:00.000000Z"}`)
	order("a time without an offset", "payload",
		`{"orderNumber": "YZ-1", "status": "Placed", "lastUpdateTimestamp": "2025-02-20T10:00:00"}`)
	order("__proto__", "payload", `{"orderNumber": "YZ-1", "status": "Placed", "a": [{"\u005f_proto__": 1}]}`)
	order("63 levels", "payload",
		`{"orderNumber": "YZ-1", "status": "Placed", "a": `+strings.Repeat("[", 62)+strings.Repeat("]", 62)+`}`)
	admin("a revocation by the function", "AccessRevoked", `{"policy": "MustBeOrderOwner", "userId": "victim"}`)
	admin("an alert of a long type", "SystemAlert", `{"type": "`+strings.Repeat("x", 63<<10)+`", "message": "m"}`)
	admin("an alert of a long severity", "SystemAlert",
		`{"type": "info", "message": "m", "severity": "`+strings.Repeat("x", 257)+`"}`)
	admin("fewer than no users", "UserCountUpdate", `{"totalUsers": -1, "activeUsers": 1, "newUsersToday": 1}`)
	admin("half a user", "UserCountUpdate", `{"totalUsers": 1.5, "activeUsers": 1, "newUsersToday": 1}`)
	admin("infinite revenue", "RevenueUpdate", `{"dailyRevenue": 1e400, "totalRevenue30d": 1}`)
	function := func(call string) {
		all["function: "+call] = func(t *testing.T, conn *pgx.Conn) error {
			t.Helper()
			_, err := conn.Exec(t.Context(), "SELECT herald."+call, pgx.QueryExecModeSimpleProtocol)
			return err
		}
	}
	admin("an alert about a long metric", "SystemAlert",
		`{"type": "warning", "message": "m", "data": {"metric": "`+strings.Repeat("x", 257)+`"}}`)
	admin("another action", "AdminNotification",
		`{"type": "role-assignment", "userId": "u", "roleName": "r", "action": "banana"}`)
	admin("nothing right", "GenerationMetricsUpdate",
		`{"WebsitesGenerated": 1, "imagesGenerated": "1", "failedGenerations": 1.5, "averageGenerationTime": -1}`)
	function("publish_order_event()")
	function("publish_teamcart_event()")
	function("publish_admin_event()")
	function("publish_order_event('CartUpdated')")
	function("publish_order_event('OrderPlaced', estimated_delivery_time => 'infinity')")
	function(`publish_order_event('OrderPlaced', order_number => ' ', extra => '["status"]')`)
	function("publish_teamcart_event('CartPaymentEvent', extra => '{\"userId\": \"u\", \"status\": \"s\"}')")
	function("publish_admin_event('Banana', '{}', traceparent => '" + strings.Repeat("0", 513) + "')")
	all["function: no event id"] = func(t *testing.T, conn *pgx.Conn) error {
		t.Helper()
		_, err := conn.Exec(t.Context(),
			"SELECT herald.publish_teamcart_event('CartUpdated', '"+anOrder+"', event_id => '"+zero+"')",
			pgx.QueryExecModeSimpleProtocol)
		return err
	}
	all["function: no cart"] = func(t *testing.T, conn *pgx.Conn) error {
		t.Helper()
		_, err := conn.Exec(t.Context(), "SELECT herald.publish_teamcart_event('CartUpdated', '"+zero+"')",
			pgx.QueryExecModeSimpleProtocol)
		return err
	}
	all["function: the trigger's own work"] = func(t *testing.T, conn *pgx.Conn) error {
		t.Helper()
		_, err := conn.Exec(t.Context(), "SELECT herald.revoke_access('MustBeOrderOwner', '"+anOrder+"', 'victim')",
			pgx.QueryExecModeSimpleProtocol)
		return err
	}
	return all
}
