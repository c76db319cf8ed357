package examples_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// programs are the examples that this machine can run: Go and Node.js are needed to test Herald at all, the others may be missing.
func programs(t *testing.T) map[string][]string {
	t.Helper()
	require.DirExists(t, "node/node_modules", "run `npm ci` in sql/examples/node, or `make test`, which does")
	run := map[string][]string{
		"go":   {"go", "run", "./go"},
		"node": {"node", "node/place_order.js"},
	}
	if _, err := exec.LookPath("psql"); err == nil {
		run["psql"] = []string{"sh", "-c", `exec psql --no-psqlrc "$DATABASE_URL" -f place_order.sql`}
	}
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import psycopg").Run() == nil {
			run["python"] = []string{python, "-B", "python/place_order.py"}
			break
		}
	}
	return run
}

// setup returns a database that is the order service's too, and the URL that the service connects with.
func setup(t *testing.T) (pool *pgxpool.Pool, serviceURL string) {
	t.Helper()
	db := pgtest.New(t)
	pool = db.Pool(t)
	// A role belongs to the cluster and the file makes it with a plain CREATE, so each test makes its own.
	name := "order_service_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	execute(t, pool, strings.ReplaceAll(read(t, "order_service.sql"), "order_service", name))
	t.Cleanup(func() {
		_, err := pool.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+name+"; DROP ROLE "+name)
		require.NoError(t, err)
	})
	cfg, err := pgx.ParseConfig(db.DSN())
	require.NoError(t, err)
	return pool, strings.Replace(db.DSN(), cfg.User+":"+cfg.Password+"@", name+":"+name+"@", 1)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

func execute(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func sweep(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	setAside, err := jobs.NewSetAside(pool)
	require.NoError(t, err)
	r, err := relay.New(relay.Config{
		NodeID: uuid.New(), SetAside: setAside, Relayed: func(int64, []event.Logged) {}, Logger: slog.New(slog.DiscardHandler),
		Connect: func(context.Context) (*pgx.Conn, error) { return nil, context.Canceled }, // Sweep brings its own
	})
	require.NoError(t, err)
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = r.Sweep(t.Context(), conn.Conn())
	require.NoError(t, err)
}

// Every program places an order, rolls another one back, and places the first one again.
//
// Acceptance.
func TestExamplesPublishWithTheirOrder(t *testing.T) {
	t.Parallel()
	for name, command := range programs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, url := setup(t)
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Env = append(os.Environ(), "DATABASE_URL="+url)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			output, err := cmd.Output()
			require.NoError(t, err, stderr.String())

			printed := map[string][2]uuid.UUID{}
			for line := range strings.Lines(string(output)) {
				fields := strings.Fields(line)
				require.GreaterOrEqual(t, len(fields), 3, line)
				ids := fields[len(fields)-2:]
				printed[strings.Join(fields[:len(fields)-2], " ")] = [2]uuid.UUID{uuid.MustParse(ids[0]), uuid.MustParse(ids[1])}
			}
			require.Len(t, printed, 3)
			require.Equal(t, printed["placed"], printed["retried"])
			order, eventID := printed["placed"][0], printed["placed"][1]

			orders := scan[[]uuid.UUID](t, pool, "SELECT array_agg(order_id) FROM shop.orders")
			require.Equal(t, []uuid.UUID{order}, orders, "nothing is left of the order that was rolled back")
			require.Equal(t, []uuid.UUID{eventID, eventID}, scan[[]uuid.UUID](t, pool, "SELECT array_agg(event_id) FROM herald.outbox"))

			sweep(t, pool)
			places, err := outbox.Trace(t.Context(), pool, eventID)
			require.NoError(t, err)
			require.Len(t, places, 3, "the order's group and the restaurant's, once each, and the retry")
			require.Equal(t, outbox.StatusDuplicate, places[2].Status)
			require.Equal(t, event.OrderGroup(order), places[0].Group)
			require.Equal(t, int64(1), places[0].Sequence)
			require.Equal(t, 2, scan[int](t, pool, "SELECT count(*) FROM herald.event_log"))

			entries, _, err := eventlog.NewReader(pool).ReadFrom(t.Context(), 0, 10)
			require.NoError(t, err)
			_, err = entries[0].Invocation(event.Plain)
			require.NoError(t, err)

			c, err := policy.New(policy.Config{}, pool)
			require.NoError(t, err)
			require.NoError(t, c.Authorize(t.Context(), &auth.Principal{Subject: "customer-1"}, event.OrderGroup(order)))
		})
	}
}

func scan[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, pool.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// Nobody compiles the C# here, so at least the columns that it maps are held against the database.
func TestColumnsOfTheEntityFrameworkModel(t *testing.T) {
	t.Parallel()
	pool, _ := setup(t)
	program := read(t, "csharp/Program.cs")
	for table, entity := range map[string]string{"shop.orders": "order", "herald.outbox": "outbox"} {
		mapped := regexp.MustCompile(entity+`\.Property\(.*HasColumnName\("(\w+)"\)`).FindAllStringSubmatch(program, -1)
		require.GreaterOrEqual(t, len(mapped), 7)
		names := make([]string, len(mapped))
		for i, m := range mapped {
			names[i] = m[1]
			require.True(t, table != "herald.outbox" || scan[bool](t, pool, "SELECT has_column_privilege('herald_producer', $1, $2, 'INSERT')", table, m[1]))
		}
		require.Empty(t, scan[[]string](t, pool, `SELECT coalesce(array_agg(attname::text), '{}') FROM pg_attribute
			WHERE attrelid = $1::text::regclass AND attnum > 0 AND attnotnull AND NOT atthasdef AND attidentity = '' AND attname <> ALL ($2)`, table, names),
			"a column that an insert must give")
	}
}

// Acceptance: A-300.
func TestAuthorizationFromOwnTables(t *testing.T) {
	t.Parallel()
	pool, _ := setup(t)
	execute(t, pool, read(t, "authorize_from_own_tables.sql"))
	order, restaurant, cart := uuid.New(), uuid.New(), uuid.New()
	execute(t, pool, "INSERT INTO shop.orders VALUES ($1, 'YZ-1', $2, 'customer', 'Placed', 1, gen_random_uuid())", order, restaurant)
	execute(t, pool, "INSERT INTO shop.staff VALUES ($1, 'owner', 'owner'), ($1, 'cook', 'staff')", restaurant)
	execute(t, pool, "INSERT INTO shop.cart_members VALUES ($1, 'host', 'host'), ($1, 'guest', 'guest')", cart)

	c, err := policy.New(policy.Config{Function: "shop.can_subscribe", Logger: slog.New(slog.DiscardHandler)}, pool)
	require.NoError(t, err)
	allowed := map[event.Group][]string{
		event.OrderGroup(order): {"customer"}, event.RestaurantGroup(restaurant): {"owner", "cook"}, event.TeamCartGroup(cart): {"host", "guest"},
		event.OrderGroup(uuid.New()): nil, event.OrderGroup(cart): nil, event.RestaurantGroup(order): nil,
	}
	for group, users := range allowed {
		for _, user := range []string{"customer", "owner", "cook", "host", "guest", "stranger"} {
			err := c.Authorize(t.Context(), &auth.Principal{Subject: user}, group)
			if slices.Contains(users, user) {
				require.NoError(t, err, "%s %s", user, group)
			} else {
				require.Equal(t, policy.ErrForbidden, err, "%s %s", user, group)
			}
		}
	}
	require.Nil(t, scan[*bool](t, pool, "SELECT NULLIF(shop.can_subscribe('MustBeAdmin', $1, 'customer'), false)", order))
}
