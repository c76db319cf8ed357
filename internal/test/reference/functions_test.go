package reference_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// function is a producers' function, as the migrated database has it.
type function struct {
	Name, Result string
	ByProducers  bool // the role herald_producer may call it
	Arguments    []argument
}

type argument struct {
	Name, Type, Default string
	Required            bool
}

// calls are arguments with which each publishing function succeeds, as SQL. TestTheEventsReference leaves each out
// in turn to find the required ones.
var calls = map[string]map[string]string{
	"publish_order_event": {
		"event_type": "'OrderPlaced'", "order_id": "gen_random_uuid()", "order_number": "'YZ-1024'", "status": "'Placed'",
		"restaurant_id": "gen_random_uuid()", "customer_id": "'customer-1'",
	},
	"publish_teamcart_event": {"event_type": "'CartUpdated'", "team_cart_id": "gen_random_uuid()"},
	"publish_admin_event":    {"event_type": "'SystemAlert'", "payload": `'{"type": "info", "message": "m"}'`},
}

// demand notes the function's required arguments: those without a default, and those without which a call is
// refused.
func (f function) demand(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	call := func(without string) error {
		var arguments []string
		for name, value := range calls[f.Name] {
			if name != without {
				arguments = append(arguments, name+" => "+value)
			}
		}
		_, err := pool.Exec(t.Context(), fmt.Sprintf("SELECT herald.%s(%s)", f.Name, strings.Join(arguments, ", ")))
		return err
	}
	if calls[f.Name] != nil {
		require.NoError(t, call(""), f.Name)
	}
	for i, a := range f.Arguments {
		f.Arguments[i].Required = a.Default == "" || calls[f.Name][a.Name] != "" && call(a.Name) != nil
	}
}

// functionTexts describe each function.
var functionTexts = map[string]string{
	"publish_order_event":    "Publishes an order event.",
	"publish_teamcart_event": "Publishes a team cart event.",
	"publish_admin_event":    "Publishes an admin event.",
	"publish_event":          "Publishes an event of a type of one's own.",
	"set_platform_stats":     "Sets those of the platform's statistics that are given; the others stay as they are.",
	"event_status":           "Where is my event: a row for each group, or one that says why there is none. A login that is only a producer is told the state.",
	"grant_access":           "Lets a user join a group.",
	"revoke_access":          "Takes that back: the user's connections leave the group at once, on every node.",
}

// argumentTexts describe each argument, by its name, or by function and name.
var argumentTexts = map[string]string{
	"event_type":                      "One of the types above.",
	"order_id":                        "The order.",
	"publish_teamcart_event.order_id": "The order that the cart has become: of `CartConverted`.",
	"order_number":                    "What people call the order.",
	"status":                          "What has become of the order.",
	"publish_teamcart_event.status":   "What has become of the payment: of `CartPaymentEvent`.",
	"restaurant_id":                   "The order's restaurant.",
	"customer_id":                     "Who placed the order: the user's id in tokens. May be null for the audience `Restaurant`.",
	"audience":                        "`Restaurant`, `Customer` or `Both`: whose group receives it.",
	"estimated_delivery_time":         "When it is expected to be delivered.",
	"actual_delivery_time":            "When it arrived.",
	"delivered_at":                    "When it was handed over.",
	"last_update_timestamp":           "When the order changed last. Left out: when the event occurred.",
	"occurred_on_utc":                 "When it happened. Left out: now.",
	"event_id":                        "The event's id; the same one published again is delivered once. Left out: a new one.",
	"event_status.event_id":           "What publishing returned.",
	"deliver_after":                   "Not before then. Left out: at once.",
	"team_cart_id":                    "The team cart.",
	"user_id":                         "The user's id in tokens.",
	"publish_teamcart_event.user_id":  "Who pays: of `CartPaymentEvent`.",
	"payload":                         "The fields of the event's type.",
	"extra":                           "Further fields of the payload.",
	"traceparent":                     "W3C trace context.",
	"resource_id":                     "The resource that the policy is about: an order, for the first of them.",
	"policy":                          "One of `" + strings.Join(event.PolicyNames(), "`, `") + "`.",
	"stats":                           "Some of `totalUsers`, `activeUsers`, `newUsersToday`, `websitesGenerated`, `imagesGenerated`, `failedGenerations`, `totalRevenue`, `revenueToday`.",
}

// functions reads the functions from a migrated database. Of several with one name the newest has the most
// arguments.
func functions(t *testing.T) (all []function) {
	t.Helper()
	const query = `
		SELECT name, result, by_producers,
		    coalesce(array_agg(argument ORDER BY n) FILTER (WHERE argument IS NOT NULL), '{}'),
		    coalesce(array_agg(type ORDER BY n) FILTER (WHERE argument IS NOT NULL), '{}'),
		    coalesce(array_agg(coalesce(fallback, '') ORDER BY n) FILTER (WHERE argument IS NOT NULL), '{}')
		FROM (SELECT DISTINCT ON (proname) oid, proname::text AS name, pg_get_function_result(oid) AS result, proargnames, proargtypes,
		          has_function_privilege('herald_producer', oid, 'EXECUTE') AS by_producers
		      FROM pg_proc
		      WHERE pronamespace = 'herald'::regnamespace
		          AND (proname LIKE 'publish\_%\_event' OR proname IN ('publish_event', 'set_platform_stats', 'event_status', 'grant_access', 'revoke_access'))
		      ORDER BY proname, pronargs DESC) f
		    LEFT JOIN LATERAL (SELECT n, proargnames[n] AS argument, format_type(type, NULL) AS type, pg_get_function_arg_default(oid, n::int) AS fallback
		        FROM unnest(proargtypes::oid[]) WITH ORDINALITY AS u (type, n)) a ON true
		GROUP BY oid, name, result, by_producers`
	pool := pgtest.New(t).Pool(t)
	rows, err := pool.Query(t.Context(), query)
	require.NoError(t, err)
	for rows.Next() {
		var f function
		var names, types, defaults []string
		require.NoError(t, rows.Scan(&f.Name, &f.Result, &f.ByProducers, &names, &types, &defaults))
		for i := range names {
			f.Arguments = append(
				f.Arguments, argument{Name: names[i], Type: shortType(types[i]), Default: shortDefault(defaults[i])},
			)
		}
		all = append(all, f)
	}
	require.NoError(t, rows.Err())
	for _, f := range all {
		f.demand(t, pool)
	}
	order := []string{
		"publish_order_event", "publish_teamcart_event", "publish_admin_event", "publish_event", "set_platform_stats",
		"event_status", "grant_access", "revoke_access",
	}
	slices.SortFunc(all, func(a, b function) int { return slices.Index(order, a.Name) - slices.Index(order, b.Name) })
	require.GreaterOrEqual(t, len(all), 7)
	return all
}

// shortDefault is a default without its type.
func shortDefault(expression string) string {
	return regexp.MustCompile(`::[a-z ]+$`).ReplaceAllString(expression, "")
}

func shortType(name string) string {
	return strings.ReplaceAll(name, "timestamp with time zone", "timestamptz")
}

func (f function) text(t *testing.T, a string) string {
	t.Helper()
	for _, name := range []string{f.Name + "." + a, a} {
		if text, ok := argumentTexts[name]; ok {
			return text
		}
	}
	require.FailNow(t, "an argument without a sentence: add one to argumentTexts", "%s of %s", a, f.Name)
	return ""
}

// functionsChapter is the part of docs/events.md about the functions.
func functionsChapter(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, f := range functions(t) {
		text, ok := functionTexts[f.Name]
		require.True(t, ok, "a function without a sentence: add one to functionTexts: %s", f.Name)
		may := "The role `herald_producer` may call it."
		if !f.ByProducers {
			may = "Its owner may call it, and whom `GRANT EXECUTE` names."
		}
		result := "the event's id"
		switch {
		case f.Result == "void":
			result = ""
		case strings.HasPrefix(f.Result, "TABLE"):
			result = "rows of " + regexp.MustCompile(`"`).ReplaceAllString(
				strings.TrimSuffix(strings.TrimPrefix(shortType(f.Result), "TABLE("), ")"), "",
			)
		}
		fmt.Fprintf(&b, "### herald.%s\n\n%s", f.Name, text)
		if result != "" {
			fmt.Fprintf(&b, " Returns %s.", result)
		}
		fmt.Fprintf(&b, " %s\n\n| argument | type | default | |\n|---|---|---|---|\n", may)
		for _, a := range f.Arguments {
			fallback := "`" + a.Default + "`"
			if a.Required {
				fallback = "required"
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", a.Name, a.Type, fallback, f.text(t, a.Name))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// columnTexts describe columns that differ from the argument of the same name.
var columnTexts = map[string]string{
	"resource_id":     "The order or the team cart; null for admin events.",
	"restaurant_id":   "The order's restaurant; of order events.",
	"customer_id":     "Who placed the order: the user's id in tokens; required for the audiences `Customer` and `Both`.",
	"audience":        "`Restaurant`, `Customer` or `Both`: whose group receives it; of order events.",
	"occurred_on_utc": "When it happened.",
}

// tableChapter is the part of docs/events.md about the outbox's columns.
func tableChapter(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(tableHead)
	rows, err := pgtest.New(t).Pool(t).Query(t.Context(), `
		SELECT attname::text, format_type(atttypid, atttypmod), coalesce(pg_get_expr(adbin, adrelid), '')
		FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
		WHERE attrelid = 'herald.outbox'::regclass AND attnum > 0 AND NOT attisdropped
		    AND has_column_privilege('herald_producer', attrelid, attnum, 'INSERT')
		ORDER BY attnum`)
	require.NoError(t, err)
	count := 0
	for rows.Next() {
		var name, typ, fallback string
		require.NoError(t, rows.Scan(&name, &typ, &fallback))
		if count++; fallback != "" {
			fallback = "`" + shortDefault(fallback) + "`"
		}
		text, ok := columnTexts[name]
		if !ok {
			text = function{Name: "outbox"}.text(t, name)
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", name, shortType(typ), fallback, text)
	}
	require.NoError(t, rows.Err())
	require.GreaterOrEqual(t, count, 10)
	b.WriteString("\n")
	return b.String()
}
