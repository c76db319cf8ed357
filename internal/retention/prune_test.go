package retention_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// Acceptance: A-320.
func TestDuplicatesAreRecognisedWithinTheRetention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	forgotten := b.Relayed(t, fixture.Cart())
	b.Age(t, 5)
	known := b.Relayed(t, fixture.Cart())
	b.Age(t, 6)
	b.Retire(t)
	for _, id := range []uuid.UUID{known, forgotten} {
		b.Relayed(t, fixture.Cart(fixture.Columns{"event_id": id}))
	}
	require.Equal(t, int64(2), b.Status(t, known)[0].Sequence, "once")
	require.Equal(t, int64(3), b.Status(t, forgotten)[0].Sequence, "the horizon is the retention")
}

// A row that the outbox still holds could be read again, so its event must be recognised, however old it is.
func TestEventsWhoseRowsStayAreNotForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.Relayed(t, fixture.Order())
	scheduled := b.Insert(t, fixture.Cart(fixture.Columns{"deliver_after": time.Now().AddDate(1, 0, 0)}))
	b.Relay(t)
	b.Relayed(t, fixture.Cart(fixture.Columns{"event_id": scheduled})) // at once, after all
	b.Age(t, 9)
	unread := b.Insert(t, fixture.Order(fixture.Columns{"written_at": time.Now().AddDate(0, 0, -9)}))
	b.Retire(t)
	require.Equal(t, 2, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.relayed_event"),
		"the day of the outbox is there")
	b.Relay(t)
	b.Retire(t)
	require.Zero(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.relayed_event WHERE event_id = $1", before))
	require.Equal(t, "outbox_default", b.Home(t, scheduled))
	require.Equal(t, 1,
		fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.relayed_event WHERE event_id = $1", scheduled))
	require.Equal(t, "relayed", b.Status(t, unread)[0].Status)
}

// Thousands of ids are forgotten in several transactions, whatever lies between them.
func TestManyEventsAreForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, `INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by)
		SELECT gen_random_uuid(), i, now() - make_interval(days => CASE i % 10 WHEN 0 THEN 2 ELSE 12 END), $1 FROM generate_series(1, 25000) i`, fixture.NodeID)
	require.Equal(t, int64(22500), b.Retire(t).Rows)
	require.Equal(t, 2500, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.relayed_event"))
}

func TestDeadLettersAreForgottenOnceTheyAreDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []uuid.UUID
	for range 3 {
		ids = append(ids, b.Dead(t))
	}
	require.NoError(t, outbox.Drop(t.Context(), b.Pool, ids[0], "ops"))
	b.Relayed(t, fixture.Order(fixture.Columns{"event_id": ids[1]})) // settled
	b.Age(t, 9)
	b.Exec(t, `INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts, dropped_at)
		SELECT gen_random_uuid(), 0, now() - interval '30 days', 'many', 10, now() - interval '29 days' FROM generate_series(1, 25000)`) // three chunks
	require.NoError(t, outbox.Drop(t.Context(), b.Pool, b.Dead(t), "ops"))
	b.Retire(t)
	letters, err := outbox.DeadLetters(t.Context(), b.Pool, nil, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, ids[2], letters[0].EventID)
	require.Equal(t, event.OrderPlaced, letters[0].Type, "with its row")
	require.Equal(t, 2, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.dead_letter"),
		"that, and what was dropped just now")
}

// Acceptance.
func TestGroupsKeepTheirNumbering(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := eventlog.NewReader(b.Pool)
	group := event.TeamCartGroup(fixture.CartID)
	first := b.Relayed(t, fixture.Cart())
	b.Relayed(t, fixture.Cart())
	b.Age(t, 9)
	b.Retire(t)
	head, sequence, err := log.Head(t.Context(), group, math.MaxInt64)
	require.NoError(t, err)
	require.Equal(t, uuid.Nil, head)
	require.Equal(t, int64(2), sequence)
	_, err = log.Locate(t.Context(), group, first)
	require.ErrorIs(t, err, eventlog.ErrUnknownEvent)
	entries, _, err := log.ReadFrom(t.Context(), 2, 10)
	require.NoError(t, err)
	require.Empty(t, entries)

	third := b.Relayed(t, fixture.Cart())
	require.Equal(t, int64(3), b.Status(t, third)[0].Sequence)
	head, sequence, err = log.Head(t.Context(), group, math.MaxInt64)
	require.NoError(t, err)
	require.Equal(t, third, head)
	require.Equal(t, int64(3), sequence)
	_, sequence, err = log.Head(t.Context(), group, 2)
	require.NoError(t, err)
	require.Equal(t, int64(2), sequence, "for a node that has not broadcast the third")
	entries, err = log.Read(t.Context(), group, 0, math.MaxInt64, 10, 1<<20)
	require.NoError(t, err)
	require.Len(t, entries, 1)

	b.Age(t, 9)
	b.Retire(t)
	require.Equal(t, int64(3),
		fixture.Scan[int64](t, b.Pool, "SELECT sequence FROM herald.stream_head WHERE group_name = $1", group.String()))
	b.Age(t, 89)
	b.Retire(t)
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.stream_head"))
	b.Age(t, 2)
	b.Retire(t)
	_, sequence, err = log.Head(t.Context(), group, math.MaxInt64)
	require.NoError(t, err)
	require.Zero(t, sequence, "a group without events for so long begins anew")
	require.Equal(t, int64(1), b.Status(t, b.Relayed(t, fixture.Cart()))[0].Sequence)
}

func TestGrants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const owner, staff = "MustBeOrderOwner", "MustBeRestaurantStaff"
	old, active := uuid.New(), uuid.New()
	b.Relayed(t, fixture.Order(fixture.Columns{"resource_id": old}))
	b.Relayed(t, fixture.Order(fixture.Columns{"resource_id": active}))
	for range 3 {
		b.Exec(t, "SELECT herald.grant_access($1, $2, 'cook')", staff, fixture.RestaurantID)
	}
	b.Exec(t, "SELECT herald.grant_access($1, $2, 'thief')", staff, fixture.RestaurantID)
	b.Exec(t, "SELECT herald.revoke_access($1, $2, 'thief')", staff, fixture.RestaurantID)
	b.Exec(t, "SELECT herald.revoke_access($1, $2, $3)", owner, active, "banned")
	b.Relay(t)
	b.Age(t, 89)
	b.Retire(t)
	require.True(t, b.May(t, owner, old, fixture.Customer))
	b.Age(t, 2)
	b.Relayed(t, fixture.Order(fixture.Columns{"resource_id": active}))
	b.Retire(t)
	require.False(t, b.May(t, owner, old, fixture.Customer), "nothing has come of that order for 90 days")
	require.True(t, b.May(t, owner, active, fixture.Customer))
	require.True(t, b.May(t, staff, fixture.RestaurantID, "cook"))
	require.False(t, b.May(t, staff, fixture.RestaurantID, "thief"))
	require.Equal(t, 3,
		fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.access_grant WHERE source = 'explicit'"),
		"the newest word on each")
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.access_grant WHERE source = 'event'"))
}

func TestManyGrants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, `INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source, written_at)
		SELECT 'MustBeOrderOwner', gen_random_uuid(), 'user', true, 'event', now() - interval '100 days' FROM generate_series(1, 20001)`)
	require.Equal(t, int64(20001), b.Retire(t).Rows)
}
