package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/postgres"
)

// warn prints a finding that breaks nothing.
func (f *findings) warn(format string, args ...any) {
	_, _ = fmt.Fprintf(f.out, "warn  %s\n", fmt.Sprintf(format, args...))
}

// checkNames reports objects that could be found in the place of Herald's under the same name.
func (c *checkCmd) checkNames(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	statements, err := postgres.Unsettled(ctx, pool)
	switch {
	case err != nil || len(statements) == 0:
		f.add(err, "sessions: as Herald needs them")
	default:
		f.warn("sessions: %d settings are not as Herald needs them, and Herald cannot set them (a pooler stands in between, or only a superuser may): %s",
			len(statements), strings.Join(statements, "; "))
	}

	var creators []string
	err = pool.QueryRow(ctx,
		`SELECT coalesce(array_agg(DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END), '{}')
		FROM pg_namespace n, aclexplode(n.nspacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
		WHERE n.nspname = 'public' AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner`).Scan(&creators)
	switch {
	case err != nil || len(creators) == 0:
		f.add(err, "schema public: its owner's alone")
	default:
		f.warn("schema public: %s may create functions and operators there, which a session with the default search_path may find instead of PostgreSQL's own; "+
			"Herald's sessions do not, others may: REVOKE CREATE ON SCHEMA public FROM %[1]s", strings.Join(creators, ", "))
	}
}

// checkDays reports missing partitions of today and tomorrow, and partitions that hold rows of other days.
func checkDays(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	var missing int
	err := pool.QueryRow(ctx, `SELECT count(*) FROM unnest(ARRAY['outbox', 'event_log']) t, generate_series(0, 1) d,
			LATERAL (SELECT (now() AT TIME ZONE 'UTC')::date + d AS day) e
		WHERE to_regclass('herald.' || t || '_p' || to_char(e.day::timestamp, 'YYYYMMDD')) IS NULL
			AND NOT EXISTS (SELECT FROM herald.partition_bounds(t) b WHERE b.first <= herald.day_begins(e.day) AND b.next >= herald.day_begins(e.day + 1))`).Scan(&missing)
	if err == nil && missing > 0 {
		err = fmt.Errorf("%d are missing for today and tomorrow: is a server running?", missing)
	}
	f.add(err, "daily partitions")
	var shifted []string
	err = pool.QueryRow(ctx,
		`SELECT coalesce(array_agg(t || '_p' || to_char(b.day::timestamp, 'YYYYMMDD') ORDER BY 1), '{}')
		FROM unnest(ARRAY['outbox', 'event_log']) t, herald.partition_bounds(t) b
		WHERE (b.first < herald.day_begins(b.day) OR b.next > herald.day_begins(b.day + 1)) IS NOT FALSE`).Scan(&shifted)
	if err != nil {
		f.add(err, "days")
	} else if len(shifted) > 0 {
		f.warn("days: %s hold other moments than their day's (UTC), because an earlier release made them in a session with another DateStyle and TimeZone; "+
			"nothing is lost, and they go by what they hold", strings.Join(shifted, ", "))
	}
}

// checkFunction reports a missing function, and one that would look for its tables in the search path of Herald's
// sessions.
func (c *checkCmd) checkFunction(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	var exists, settled bool
	err := pool.QueryRow(ctx, `SELECT p.oid IS NOT NULL, coalesce(n.nspname = $2 OR p.prosqlbody IS NOT NULL
			OR EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s LIKE 'search\_path=%'), false)
		FROM (SELECT to_regprocedure($1 || '(text, uuid, text)') AS oid) asked
		LEFT JOIN pg_proc p ON p.oid = asked.oid LEFT JOIN pg_namespace n ON n.oid = p.pronamespace`, c.AuthorizeFunction, postgres.Schema).Scan(&exists, &settled)
	if err == nil && !exists {
		err = errors.New("there is no such function (policy text, resource_id uuid, user_id text)")
	}
	f.add(err, "HERALD_AUTHORIZE_FUNCTION %s", c.AuthorizeFunction)
	if err == nil && !settled {
		f.warn("HERALD_AUTHORIZE_FUNCTION %s has no search_path of its own, and runs with Herald's (%s): it must name its tables with their schema, or "+
			"ALTER FUNCTION %[1]s(text, uuid, text) SET search_path = …", c.AuthorizeFunction, postgres.SearchPath)
	}
}
