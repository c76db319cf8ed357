package outbox_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// privileges lists what a role may do to everything in the schema, from the catalog: tables, views and partitions
// (also column by column), sequences, functions, and the schema itself.
const privileges = `
SELECT format('%s on schema %s', p, n.nspname)
FROM pg_namespace n, unnest('{USAGE,CREATE}'::text[]) p
WHERE n.nspname = 'herald' AND has_schema_privilege($1, n.oid, p)
UNION ALL
SELECT format('%s on %s', p, c.relname)
FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p
WHERE c.relnamespace = 'herald'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege($1, c.oid, p)
UNION ALL
SELECT format('%s (%s) on %s', p, a.attname, c.relname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) p
WHERE c.relnamespace = 'herald'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT a.attisdropped
    AND has_column_privilege($1, c.oid, a.attnum, p)
UNION ALL
SELECT format('%s on sequence %s', p, c.relname)
FROM pg_class c, unnest('{USAGE,SELECT,UPDATE}'::text[]) p
WHERE c.relnamespace = 'herald'::regnamespace AND c.relkind = 'S' AND has_sequence_privilege($1, c.oid, p)
UNION ALL
SELECT format('EXECUTE on %s', p.proname)
FROM pg_proc p WHERE p.pronamespace = 'herald'::regnamespace AND has_function_privilege($1, p.oid, 'EXECUTE')
ORDER BY 1`

func (b *bundle) privileges(t *testing.T, role string) []string {
	t.Helper()
	rows, err := b.Pool.Query(t.Context(), privileges, role)
	require.NoError(t, err)
	granted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(granted)
	return granted
}

// Acceptance.
func TestProducersMayPublishAndNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := retention.EnsurePartitions(t.Context(), b.Pool, time.Now(), 10)
	require.NoError(t, err)
	producer := b.Login(t, "herald_producer")

	want := []string{
		"USAGE on schema herald",
		// What INSERT … RETURNING event_id needs, which is how a producer learns a generated id.
		"SELECT (event_id) on outbox",
		"SELECT on sequence relay_armed", // what the trigger reads in the producer's name,
		"USAGE on sequence relay_armed",  // and counts
	}
	for _, column := range []string{
		"event_id", "event_type", "resource_id", "restaurant_id", "customer_id", "audience", "payload", "occurred_on_utc",
		"deliver_after", "traceparent",
	} {
		want = append(want, "INSERT ("+column+") on outbox")
	}
	for _, function := range []string{
		"publish_order_event", "publish_teamcart_event", "publish_admin_event", "set_platform_stats", "event_status",
		// These are called with the producer's rights by an insert's default, the functions and the check.
		"uuidv7", "utc", "judge_event", "refuse_event", "payload_problems", "payload_fields", "other_type", "utc_or_text",
	} {
		want = append(want, "EXECUTE on "+function)
	}
	slices.Sort(want)
	require.Equal(t, want, b.privileges(t, "herald_producer"))
	require.Equal(t, want, b.privileges(t, producer.Config().User), "a member has the role's privileges and no others")
}

func TestARoleOfItsOwnMayDoNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Empty(t, b.privileges(t, b.Login(t).Config().User))
}

// The catalog's answers, tried out: with a producer's login everything that a producer does works, and reading does
// not.
//
// Acceptance.
func TestProducersLoginAtWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	producer := b.Login(t, "herald_producer")
	ids := []uuid.UUID{
		fixture.Scan[uuid.UUID](t, producer,
			"SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, 'user-1')", fixture.OrderID,
			fixture.RestaurantID),
		fixture.Scan[uuid.UUID](t, producer, "SELECT herald.publish_teamcart_event('CartLocked', $1)", fixture.CartID),
		fixture.Scan[uuid.UUID](t, producer,
			`SELECT herald.publish_admin_event('RevenueUpdate', '{"dailyRevenue": 1, "totalRevenue30d": 2}')`),
	}
	for _, row := range []fixture.Columns{
		fixture.Order(), fixture.Cart(),
		fixture.Admin(fixture.Columns{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}),
	} {
		id, err := fixture.Insert(t, producer, row)
		require.NoError(t, err)
		ids = append(ids, id)
	}
	_, err := fixture.Insert(t, producer, fixture.Cart(fixture.Columns{"event_type": "CartEaten"}))
	require.ErrorContains(t, err, "unknown event_type 'CartEaten'", "the reason reaches a producer, too")
	for _, sql := range []string{
		`SELECT herald.set_platform_stats('{"totalUsers": 1}')`,
	} {
		_, err := producer.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	b.Relay(t)
	for _, id := range ids {
		require.Equal(t, "relayed",
			fixture.Scan[string](t, producer, "SELECT status FROM herald.event_status($1) LIMIT 1", id))
	}
	for _, sql := range []string{
		"SELECT payload FROM herald.outbox",
		"SELECT * FROM herald.event_log",
		"SELECT herald.grant_access('MustBeTeamCartMember', gen_random_uuid(), 'user-1')",
		"SELECT herald.revoke_access('MustBeTeamCartMember', gen_random_uuid(), 'user-1')",
		"SELECT herald.can_subscribe('MustBeOrderOwner', gen_random_uuid(), 'user-1')",
		"UPDATE herald.outbox SET audience = 'Customer'",
		"DELETE FROM herald.outbox",
		"TRUNCATE herald.outbox",
		"INSERT INTO herald.outbox (xid, event_type, resource_id) VALUES ('3', 'CartLocked', gen_random_uuid())",
		"INSERT INTO herald.outbox (written_at, event_type, resource_id) VALUES (now(), 'CartLocked', gen_random_uuid())",
		"INSERT INTO herald.outbox_default (event_type, resource_id) VALUES ('CartLocked', gen_random_uuid())",
		"INSERT INTO herald.river_job (kind) VALUES ('sweep')",
		"SELECT setval('herald.relay_armed', 0)",
		"SELECT herald.ensure_partition('outbox', '2000-01-01')",
		"CREATE TABLE herald.mine (n int)",
	} {
		_, err := producer.Exec(t.Context(), sql)
		refused, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok, "%s: %v", sql, err)
		require.Equal(t, "42501", refused.Code, "%s: %v", sql, err)
	}
}

// A service that decides on access is granted the two functions by name. What they write is written with the owner's
// rights.
func TestAccessIsGrantedByWhoeverMay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	service := b.Login(t, "herald_producer")
	b.Exec(t, "GRANT EXECUTE ON FUNCTION herald.grant_access(text, uuid, text), herald.revoke_access(text, uuid, text) TO "+service.Config().User)
	t.Cleanup(func() {
		_, err := b.Pool.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+service.Config().User)
		require.NoError(t, err)
	})
	for _, function := range []string{"grant_access", "revoke_access"} {
		_, err := service.Exec(t.Context(), "SELECT herald."+function+"($1, $2, $3)", fixture.Owner, fixture.OrderID,
			fixture.Customer)
		require.NoError(t, err)
		require.Equal(t, function == "grant_access", b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
	}
	require.Equal(t, 1,
		fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox WHERE event_type = 'AccessRevoked'"))
}

// AccessRevoked takes people out of groups. A login that may insert events may not insert this one, whatever
// functions it puts in its way.
//
// Acceptance: A-324.
func TestOnlyTheOutboxOwnersWriteRevocations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row := fixture.Columns{
		"event_type": "AccessRevoked", "resource_id": fixture.OrderID,
		"payload": `{"policy": "MustBeOrderOwner", "userId": "user-1"}`,
	}
	producer := b.Login(t, "herald_producer")
	b.Exec(t, `CREATE SCHEMA evil;
		CREATE FUNCTION evil.pg_has_role(name, oid, text) RETURNS boolean LANGUAGE sql RETURN true;
		GRANT USAGE ON SCHEMA evil TO PUBLIC`)
	for _, path := range []string{"public", "evil, pg_catalog"} {
		_, err := producer.Exec(t.Context(), "SET search_path = "+path)
		require.NoError(t, err)
		_, err = fixture.Insert(t, producer, row)
		refused, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, "herald.outbox: unknown event_type 'AccessRevoked'", refused.Message)
		require.Equal(t, "23514", refused.Code)
		require.Contains(t, refused.Hint, "Use one of OrderPlaced, ")
		require.NotContains(t, refused.Hint, "AccessRevoked")
	}
	_, err := fixture.Insert(t, b.Pool, row)
	require.NoError(t, err, "its owner may")
}
