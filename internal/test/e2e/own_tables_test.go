package e2e_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// shop is the example's order service: its tables in Herald's database, and the login with which it writes them.
type shop struct {
	*pgxpool.Pool

	dsn                     string // of the database's owner, the server's login
	order, restaurant, cart uuid.UUID
}

// newShop installs the example unchanged. A role belongs to the cluster, so each test's role has its own name.
func newShop(t *testing.T) *shop {
	t.Helper()
	db := pgtest.New(t)
	owner := db.Pool(t)
	login := "order_service_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	for _, name := range []string{"order_service.sql", "authorize_from_own_tables.sql"} {
		text, err := os.ReadFile("../../../sql/examples/" + name)
		require.NoError(t, err)
		_, err = owner.Exec(t.Context(), strings.ReplaceAll(string(text), "order_service", login))
		require.NoError(t, err, name)
	}
	t.Cleanup(func() {
		_, err := owner.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+login+"; DROP ROLE "+login)
		require.NoError(t, err)
	})
	cfg, err := pgxpool.ParseConfig(db.DSN())
	require.NoError(t, err)
	cfg.ConnConfig.User, cfg.ConnConfig.Password = login, login
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s := &shop{pool, db.DSN(), uuid.New(), uuid.New(), uuid.New()}
	s.exec(
		t, "INSERT INTO shop.orders VALUES ($1, 'YZ-1', $2, 'customer', 'Placed', 1, gen_random_uuid())", s.order,
		s.restaurant,
	)
	s.exec(t, "INSERT INTO shop.staff VALUES ($1, 'owner', 'owner'), ($1, 'cook', 'staff')", s.restaurant)
	s.exec(t, "INSERT INTO shop.cart_members VALUES ($1, 'host', 'host'), ($1, 'guest', 'guest')", s.cart)
	return s
}

func (s *shop) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := s.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

// A running server admits the users that an order service's own tables name, and no others.
//
// Acceptance: A-308.
func TestAnOrderServicesOwnTablesDecide(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	s, d := serve(t, shop.dsn, "HERALD_AUTHORIZE_FUNCTION=shop.can_subscribe", "HERALD_AUTHORIZE_CACHE=1m"), drive(t)
	groups := []struct {
		hub, name string
		id        uuid.UUID
		allowed   string
	}{
		{customerHub, "Order", shop.order, "customer"},
		{restaurantHub, "Restaurant", shop.restaurant, "owner cook"},
		{teamCartHub, "Cart", shop.cart, "host guest"},
	}
	for _, subject := range []string{"customer", "another customer", "owner", "cook", "host", "guest"} {
		for _, g := range groups {
			c := d.connect(t, s.url+g.hub, user(t, subject))
			for method, args := range map[string][]any{"SubscribeTo" + g.name: {g.id}, "Resume" + g.name: {g.id, nil}} {
				if strings.Contains(" "+g.allowed+" ", " "+subject+" ") {
					c.call(t, method, args...)
				} else {
					require.Equal(t, failed(method, "Forbidden"), c.refused(t, method, args...), subject)
				}
				args[0] = uuid.New()
				require.Equal(
					t, failed(method, "Forbidden"), c.refused(t, method, args...), "%s, of an id that is in no table", subject,
				)
			}
			c.stop(t)
		}
	}
	_, metrics := request(t, http.MethodGet, s.url+"/metrics", "", "")
	require.Regexp(
		t, `(?m)^herald_authorize_cache_hits_total 5$`, metrics.body, "each who is allowed has subscribed and resumed",
	)
	require.Regexp(
		t, `(?m)^herald_authorize_cache_misses_total 67$`, metrics.body,
		"a yes is asked for once, each of the other 62 questions too",
	)
}

// A user who is removed from a table is refused once Herald's cached answer has expired. With herald.revoke_access
// in the same transaction, the user is refused at once and the user's connections leave the group.
func TestLeavingAnOrderServicesOwnTables(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	s, d := serve(t, shop.dsn, "HERALD_AUTHORIZE_FUNCTION=shop.can_subscribe"), drive(t)
	connect := func(subject string) *client {
		t.Helper()
		c := d.connect(t, s.url+teamCartHub, user(t, subject))
		c.call(t, "SubscribeToCart", shop.cart)
		return c
	}
	host, guest := connect("host"), connect("guest")
	updated := func() { publish(t, shop, "publish_teamcart_event('CartUpdated', $1)", shop.cart) }
	updated()
	host.next(t)
	guest.next(t)
	require.NoError(t, pgx.BeginFunc(t.Context(), shop, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `DELETE FROM shop.cart_members WHERE user_id = 'guest'`)
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `SELECT herald.revoke_access('MustBeTeamCartMember', $1, 'guest')`, shop.cart)
		return err
	}))
	updated()
	host.next(t)
	require.Equal(t, failed("SubscribeToCart", "Forbidden"), guest.refused(t, "SubscribeToCart", shop.cart))
	guest.quiet(t)

	shop.exec(t, `DELETE FROM shop.cart_members WHERE user_id = 'host'`)
	require.True(t, eventually(func() bool {
		return await(
			t, host.begin(t, "SubscribeToCart", shop.cart), "subscribing",
		).Error == failed("SubscribeToCart", "Forbidden")
	}))
}

// A function that does not answer in time counts as a refusal, whatever it would have answered, and the log says so.
//
// Acceptance: A-307.
func TestAnOwnFunctionThatIsSlowRefuses(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool(t).Exec(
		t.Context(), `CREATE FUNCTION public.may_follow(policy text, resource_id uuid, user_id text) RETURNS boolean
		LANGUAGE sql AS 'SELECT true FROM pg_sleep(CASE WHEN user_id = ''slow'' THEN 60 ELSE 0 END)'`)
	require.NoError(t, err)
	s, d := serve(t, db.DSN(), "HERALD_AUTHORIZE_FUNCTION=public.may_follow"), drive(t)
	quick, slow := d.connect(t, s.url+customerHub, user(t, "quick")), d.connect(t, s.url+customerHub, user(t, "slow"))
	refused := slow.begin(t, "SubscribeToOrder", uuid.New())
	quick.call(t, "SubscribeToOrder", uuid.New())
	require.Equal(t, failed("SubscribeToOrder", "Forbidden"), await(t, refused, "subscribing").Error)
	s.logs.await(t, 0, "the reason", func(line string) bool { return strings.Contains(line, "no answer within 2s") })
	slow.call(t, "UnsubscribeFromOrder", uuid.New())
}
