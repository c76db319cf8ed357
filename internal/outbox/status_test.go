package outbox_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// Acceptance.
func TestTraceTellsWhereAnEventIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stranger := uuid.New()
	require.Equal(t, []outbox.Whereabouts{{
		Status: "unknown", Detail: "no event with this id has been committed, or it is older than the retention",
	}}, b.Status(t, stranger))

	id := b.Insert(t, fixture.Order())
	requireWhereabouts(t,
		[]outbox.Whereabouts{{Status: "waiting", WrittenAt: time.Now(), OutboxSeq: 1, TimesPublished: 1}}, b.Status(t, id))

	due := time.Now().Add(time.Hour)
	scheduled := b.Insert(t, fixture.Cart(fixture.Columns{"deliver_after": due}))
	wantScheduled := []outbox.Whereabouts{{
		Status: "scheduled", WrittenAt: time.Now(), DeliverAfter: due, OutboxSeq: 2,
		TimesPublished: 1,
	}}
	requireWhereabouts(t, wantScheduled, b.Status(t, scheduled))

	overdue := b.Insert(t, fixture.Cart(fixture.Columns{"deliver_after": time.Now().Add(-time.Hour)}))
	require.Equal(t, "waiting", b.Status(t, overdue)[0].Status)
	poison := b.InsertPast(t, fixture.Newer())

	b.Relay(t)
	requireWhereabouts(t, []outbox.Whereabouts{
		{
			Status: "relayed", WrittenAt: time.Now(), RelayedAt: time.Now(), RelayedBy: fixture.NodeID,
			Group: event.OrderGroup(fixture.OrderID), Position: 1, Sequence: 1,
			OutboxSeq: 1, TimesPublished: 1, Broadcasts: []outbox.Broadcast{},
		},
		{
			Status: "relayed", WrittenAt: time.Now(), RelayedAt: time.Now(), RelayedBy: fixture.NodeID,
			Group: event.RestaurantGroup(fixture.RestaurantID), Position: 2, Sequence: 1,
			OutboxSeq: 1, TimesPublished: 1, Broadcasts: []outbox.Broadcast{},
		},
	}, b.Status(t, id))
	requireWhereabouts(t, wantScheduled, b.Status(t, scheduled)) // a job now, which changes nothing
	require.Equal(t, "relayed", b.Status(t, overdue)[0].Status)
	require.Equal(t, "retrying", b.Status(t, poison)[0].Status)

	b.Exec(t, "DELETE FROM herald.river_job WHERE kind = 'retry_event'")
	b.Bury(t, poison, errors.New("orderNumber is missing"))
	requireWhereabouts(t, []outbox.Whereabouts{{
		Status: "dead", WrittenAt: time.Now(), Detail: "orderNumber is missing", OutboxSeq: 4, Attempts: 10,
		TimesPublished: 1,
		SettledAt:      time.Now(),
	}}, b.Status(t, poison))
}

// requireWhereabouts compares; times may differ by a minute.
func requireWhereabouts(t *testing.T, want, got []outbox.Whereabouts) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range got {
		for _, at := range [][2]*time.Time{
			{&want[i].WrittenAt, &got[i].WrittenAt},
			{&want[i].DeliverAfter, &got[i].DeliverAfter},
			{&want[i].RelayedAt, &got[i].RelayedAt},
			{&want[i].SettledAt, &got[i].SettledAt},
		} {
			require.WithinDuration(t, *at[0], *at[1], time.Minute)
			*at[1] = *at[0]
		}
	}
	require.Equal(t, want, got)
}

// ref finds a row as the relay would have set it aside.
// Acceptance.
func TestPlatformStatisticsAreMerged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	publisher := outbox.NewPublisher(b.Pool)
	_, _, ok, err := publisher.PlatformStats(t.Context())
	require.NoError(t, err)
	require.False(t, ok, "never set, so nobody invents them")

	b.Exec(t, `SELECT herald.set_platform_stats('{"totalUsers": 5432, "activeUsers": 234, "newUsersToday": 12, "websitesGenerated": 1203,
		"imagesGenerated": 3847, "failedGenerations": 5, "totalRevenue": 98765.43}')`)
	b.Exec(t, `SELECT herald.set_platform_stats('{}')`)
	first, firstAt, ok, err := publisher.PlatformStats(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, `null`, string(first.RevenueToday), "not set yet")
	require.Equal(t, `98765.43`, string(first.TotalRevenue), "digit for digit")

	// One transaction that commits, one that does not.
	b.Exec(t, `SELECT herald.set_platform_stats('{"activeUsers": 235, "revenueToday": 1234.50}')`)
	tx := b.Begin(t)
	_, err = tx.Exec(t.Context(), `SELECT herald.set_platform_stats('{"totalUsers": 1}')`)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))

	want := first
	want.ActiveUsers, want.RevenueToday = []byte(`235`), []byte(`1234.50`)
	for range 2 {
		second, secondAt, _, err := publisher.PlatformStats(t.Context())
		require.NoError(t, err)
		require.Equal(t, secondAt, second.SetAt, "beside the numbers")
		want.SetAt = secondAt
		require.Equal(t, want, second)
		require.True(t, secondAt.After(firstAt))
		b.Exec(t, "UPDATE herald.platform_stats SET set_at = set_at - interval '1 day'")
		firstAt = firstAt.Add(-25 * time.Hour)
		require.NoError(t, publisher.PrunePlatformStats(t.Context())) // takes what was replaced, and nothing else
		require.Equal(t, 8, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.platform_stats"))
	}
}

// A value that earlier releases stored and no event can carry, or that the table's owner has written, counts as
// never set.
//
// Acceptance: A-440.
func TestPlatformStatisticsThatNoEventCarries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	publisher := outbox.NewPublisher(b.Pool)
	b.Exec(t, `SELECT herald.set_platform_stats('{"totalUsers": 12.0, "activeUsers": 1e3, "websitesGenerated": 9007199254740991, "imagesGenerated": 0,
		"totalRevenue": -1.7976931348623157e308}')`)
	for _, value := range []string{"-12.5", "12.5", "1e400", "NaN", "Infinity", "9007199254740992"} {
		b.Exec(t, "INSERT INTO herald.platform_stats (field, value) SELECT unnest('{totalUsers,activeUsers,newUsersToday}'::text[]), $1::text::numeric", value)
	}
	for _, value := range []string{"1e309", "-1e309", "NaN", "-Infinity"} {
		b.Exec(t, "INSERT INTO herald.platform_stats (field, value) SELECT unnest('{totalRevenue,revenueToday}'::text[]), $1::text::numeric", value)
	}
	stats, _, ok, err := publisher.PlatformStats(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	stats.SetAt = time.Time{}
	encoded, err := json.Marshal(stats)
	require.NoError(t, err)
	require.JSONEq(t,
		`{"totalUsers": 12, "activeUsers": 1000, "newUsersToday": null, "websitesGenerated": 9007199254740991, "imagesGenerated": 0,
		"failedGenerations": null, "totalRevenue": -1.7976931348623157e308, "revenueToday": null, "setAt": "0001-01-01T00:00:00Z"}`, string(encoded))
	require.Equal(t, "12", string(stats.TotalUsers), "a count is whole")
	tx := b.Begin(t)
	published, err := outbox.BroadcastStats(t.Context(), tx, 0)
	require.NoError(t, err)
	require.True(t, published)
}

// Acceptance.
func TestPlatformStatisticsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, test := range []struct{ stats, message, hint string }{
		{`NULL`, "herald.set_platform_stats: stats is null, not a JSON object", ""},
		{`'null'`, "herald.set_platform_stats: stats is null, not a JSON object", ""},
		{`'[]'`, "herald.set_platform_stats: stats is array, not a JSON object", ""},
		{
			`'{"totalUser": 1}'`, "herald.set_platform_stats: unknown field 'totalUser'",
			"The fields are totalUsers, activeUsers, newUsersToday, " +
				"websitesGenerated, imagesGenerated, failedGenerations, totalRevenue, revenueToday.",
		},
		{`'{"totalUsers": "1"}'`, "herald.set_platform_stats: totalUsers is not a number", ""},
		{
			`'{"totalRevenue": 1e400}'`,
			"herald.set_platform_stats: totalRevenue is 1" + strings.Repeat("0", 31) +
				", which is not a number that a 64-bit float holds", "",
		},
		{
			`'{"revenueToday": -1e309}'`,
			"herald.set_platform_stats: revenueToday is -1" + strings.Repeat("0", 30) +
				", which is not a number that a 64-bit float holds", "",
		},
		{
			`'{"activeUsers": -12.5}'`,
			"herald.set_platform_stats: activeUsers is -12.5, which is not a whole number from 0 to 9007199254740991", "",
		},
		{
			`'{"activeUsers": 12.5}'`,
			"herald.set_platform_stats: activeUsers is 12.5, which is not a whole number from 0 to 9007199254740991", "",
		},
		{
			`'{"newUsersToday": -1}'`,
			"herald.set_platform_stats: newUsersToday is -1, which is not a whole number from 0 to 9007199254740991", "",
		},
		{
			`'{"totalUsers": 1, "imagesGenerated": 9007199254740992}'`,
			"herald.set_platform_stats: imagesGenerated is 9007199254740992, which is not a whole number from 0 to 9007199254740991", "",
		},
		{
			`'{"` + strings.Repeat("x", 100) + `": 1}'`,
			"herald.set_platform_stats: unknown field '" + strings.Repeat("x", 64) + "'", "The fields are totalUsers, " +
				"activeUsers, newUsersToday, websitesGenerated, imagesGenerated, failedGenerations, totalRevenue, revenueToday.",
		},
		{`'{"activeUsers": 1, "totalUsers": null}'`, "herald.set_platform_stats: totalUsers is not a number", ""},
	} {
		_, err := b.Pool.Exec(t.Context(), "SELECT herald.set_platform_stats("+test.stats+")")
		refused, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, test.message, refused.Message)
		require.Equal(t, test.hint, refused.Hint)
		require.Equal(t, "22023", refused.Code, "invalid_parameter_value")
	}
	require.Zero(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.platform_stats"), "all or nothing")
}
