package outbox_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// Acceptance: A-320.
func TestDuplicatesAreRecognisedWithinTheRetention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	forgotten := b.relayed(t, cart())
	b.age(t, 5)
	known := b.relayed(t, cart())
	b.age(t, 6)
	b.retire(t)
	for _, id := range []uuid.UUID{known, forgotten} {
		b.relayed(t, cart(columns{"event_id": id}))
	}
	require.Equal(t, int64(2), b.status(t, known)[0].Sequence, "once")
	require.Equal(t, int64(3), b.status(t, forgotten)[0].Sequence, "the horizon is the retention")
}

// What the outbox still holds could be read again, so it must be recognised, however old it is.
func TestEventsWhoseRowsStayAreNotForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.relayed(t, order())
	scheduled := b.insert(t, cart(columns{"deliver_after": time.Now().AddDate(1, 0, 0)}))
	b.relay(t)
	b.relayed(t, cart(columns{"event_id": scheduled})) // at once, after all
	b.age(t, 9)
	unread := b.insert(t, order(columns{"written_at": time.Now().AddDate(0, 0, -9)}))
	b.retire(t)
	require.Equal(t, 2, scan[int](t, b.pool, "SELECT count(*) FROM herald.relayed_event"), "the day of the outbox is there")
	b.relay(t)
	b.retire(t)
	require.Zero(t, scan[int](t, b.pool, "SELECT count(*) FROM herald.relayed_event WHERE event_id = $1", before))
	require.Equal(t, "outbox_default", b.home(t, scheduled))
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM herald.relayed_event WHERE event_id = $1", scheduled))
	require.Equal(t, "relayed", b.status(t, unread)[0].Status)
}

// Thousands of ids are forgotten in several transactions, whatever lies between them.
func TestManyEventsAreForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by)
		SELECT gen_random_uuid(), i, now() - make_interval(days => CASE i % 10 WHEN 0 THEN 2 ELSE 12 END), $1 FROM generate_series(1, 25000) i`, nodeID)
	require.Equal(t, int64(22500), b.retire(t).Rows)
	require.Equal(t, 2500, scan[int](t, b.pool, "SELECT count(*) FROM herald.relayed_event"))
}

func TestDeadLettersAreForgottenOnceTheyAreDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []uuid.UUID
	for range 3 {
		ids = append(ids, b.dead(t))
	}
	require.NoError(t, outbox.Drop(t.Context(), b.pool, ids[0], "ops"))
	b.relayed(t, order(columns{"event_id": ids[1]})) // settled
	b.age(t, 9)
	b.exec(t, `INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts, dropped_at)
		SELECT gen_random_uuid(), 0, now() - interval '30 days', 'many', 10, now() - interval '29 days' FROM generate_series(1, 25000)`) // three chunks
	require.NoError(t, outbox.Drop(t.Context(), b.pool, b.dead(t), "ops"))
	b.retire(t)
	letters, err := outbox.DeadLetters(t.Context(), b.pool, nil, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, ids[2], letters[0].EventID)
	require.Equal(t, event.OrderPlaced, letters[0].Type, "with its row")
	require.Equal(t, 2, scan[int](t, b.pool, "SELECT count(*) FROM herald.dead_letter"), "that, and what was dropped just now")
}

// Acceptance.
func TestGroupsKeepTheirNumbering(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := outbox.NewLog(b.pool)
	group := event.TeamCartGroup(cartID)
	first := b.relayed(t, cart())
	b.relayed(t, cart())
	b.age(t, 9)
	b.retire(t)
	head, sequence, err := log.Head(t.Context(), group, math.MaxInt64)
	require.NoError(t, err)
	require.Equal(t, uuid.Nil, head)
	require.Equal(t, int64(2), sequence)
	_, err = log.Locate(t.Context(), group, first)
	require.ErrorIs(t, err, outbox.ErrUnknownEvent)
	entries, _, err := log.ReadFrom(t.Context(), 2, 10)
	require.NoError(t, err)
	require.Empty(t, entries)

	third := b.relayed(t, cart())
	require.Equal(t, int64(3), b.status(t, third)[0].Sequence)
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

	b.age(t, 9)
	b.retire(t)
	require.Equal(t, int64(3), scan[int64](t, b.pool, "SELECT sequence FROM herald.stream_head WHERE group_name = $1", group.String()))
	b.age(t, 89)
	b.retire(t)
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM herald.stream_head"))
	b.age(t, 2)
	b.retire(t)
	_, sequence, err = log.Head(t.Context(), group, math.MaxInt64)
	require.NoError(t, err)
	require.Zero(t, sequence, "a group without events for so long begins anew")
	require.Equal(t, int64(1), b.status(t, b.relayed(t, cart()))[0].Sequence)
}

func TestGrants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const owner, staff = "MustBeOrderOwner", "MustBeRestaurantStaff"
	old, active := uuid.New(), uuid.New()
	b.relayed(t, order(columns{"resource_id": old}))
	b.relayed(t, order(columns{"resource_id": active}))
	for range 3 {
		b.exec(t, "SELECT herald.grant_access($1, $2, 'cook')", staff, restaurantID)
	}
	b.exec(t, "SELECT herald.grant_access($1, $2, 'thief')", staff, restaurantID)
	b.exec(t, "SELECT herald.revoke_access($1, $2, 'thief')", staff, restaurantID)
	b.exec(t, "SELECT herald.revoke_access($1, $2, $3)", owner, active, "banned")
	b.relay(t)
	b.age(t, 89)
	b.retire(t)
	require.True(t, b.may(t, owner, old, customer))
	b.age(t, 2)
	b.relayed(t, order(columns{"resource_id": active}))
	b.retire(t)
	require.False(t, b.may(t, owner, old, customer), "nothing has come of that order for 90 days")
	require.True(t, b.may(t, owner, active, customer))
	require.True(t, b.may(t, staff, restaurantID, "cook"))
	require.False(t, b.may(t, staff, restaurantID, "thief"))
	require.Equal(t, 3, scan[int](t, b.pool, "SELECT count(*) FROM herald.access_grant WHERE source = 'explicit'"), "the newest word on each")
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM herald.access_grant WHERE source = 'event'"))
}

func TestManyGrants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source, written_at)
		SELECT 'MustBeOrderOwner', gen_random_uuid(), 'user', true, 'event', now() - interval '100 days' FROM generate_series(1, 20001)`)
	require.Equal(t, int64(20001), b.retire(t).Rows)
}
