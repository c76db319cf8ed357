package simulation_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/simulation"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Acceptance.
func TestEveryServiceWritesRealTransactions(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	sim, err := simulation.New(
		simulation.Config{Pool: pool, Pace: time.Millisecond, RollbackRate: 0.3, Logger: slog.New(slog.DiscardHandler)},
	)
	require.NoError(t, err)
	require.NoError(t, sim.Setup(t.Context()))
	require.NoError(t, sim.Setup(t.Context()), "a second start finds what the first has made")

	// The output of `herald dev` works from then on, before there is any event.
	var staff, member, owner bool
	require.NoError(t, pool.QueryRow(
		t.Context(),
		`SELECT herald.can_subscribe('MustBeRestaurantStaff', $1, $2),
		herald.can_subscribe('MustBeTeamCartMember', $3, $4), herald.can_subscribe('MustBeOrderOwner', $5, $4)`,
		simulation.RestaurantID,
		simulation.Staff,
		simulation.TeamCartID,
		simulation.Customer,
		simulation.OrderID,
	).Scan(&staff, &member, &owner))
	require.Equal(t, []bool{true, true, true}, []bool{staff, member, owner})

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(ctx) }()
	const atLeast = 200
	require.Eventually(t, func() bool {
		var orders, carts, admin int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE event_type LIKE 'Order%'),
			count(*) FILTER (WHERE event_type LIKE 'Cart%'), count(*) FILTER (WHERE resource_id IS NULL) FROM herald.outbox`).
			Scan(&orders, &carts, &admin))
		return orders >= atLeast && carts >= atLeast && admin >= atLeast
	}, time.Minute, 20*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)

	// Each type comes again and again, and soon: within sixty transactions of a service, which take a minute at the
	// pace of `herald dev`.
	const withinAMinute = 60
	for family, rows := range map[event.Family]string{
		event.Order: "restaurant_id IS NOT NULL", event.Admin: "resource_id IS NULL",
		event.TeamCart: "resource_id IS NOT NULL AND restaurant_id IS NULL",
	} {
		var want, types []string
		for _, t := range event.Types() {
			if t.Family() == family {
				want = append(want, string(t))
			}
		}
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT array_agg(DISTINCT event_type)
			FROM (SELECT event_type FROM herald.outbox WHERE `+rows+` ORDER BY seq LIMIT $1) o`, withinAMinute).
			Scan(&types))
		require.ElementsMatch(t, want, types)
	}
	var unset int
	require.NoError(t, pool.QueryRow(t.Context(),
		`SELECT 8 - count(DISTINCT field) FROM herald.platform_stats WHERE field = ANY ($1)`, []string{
			"totalUsers", "activeUsers", "newUsersToday", "websitesGenerated", "imagesGenerated", "failedGenerations",
			"totalRevenue", "revenueToday",
		}).Scan(&unset))
	require.Zero(t, unset, "all eight statistics are set")

	// Each order's row agrees with its last committed event: event and row are one transaction.
	var apart int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM demo.orders d WHERE d.status IS DISTINCT FROM (
		SELECT o.payload ->> 'status' FROM herald.outbox o WHERE o.resource_id = d.id ORDER BY o.seq DESC LIMIT 1)`).Scan(&apart))
	require.Zero(t, apart)

	// Rolled back transactions have left only holes in the sequence.
	var rolledBack int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT max(seq) - count(*) FROM herald.outbox`).Scan(&rolledBack))
	require.Positive(t, rolledBack)
}
