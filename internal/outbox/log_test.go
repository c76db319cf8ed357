package outbox_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

func TestReadingTheLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := outbox.NewLog(b.pool)
	group := event.OrderGroup(orderID)
	head := func(at int64) (uuid.UUID, int64) {
		t.Helper()
		id, sequence, err := log.Head(t.Context(), group, at)
		require.NoError(t, err)
		return id, sequence
	}
	id, sequence := head(1 << 40)
	require.Equal(t, uuid.Nil, id)
	require.Zero(t, sequence)

	var ids []uuid.UUID
	for range 5 { // positions 1,2 3,4 5,6 7,8 9,10 of order and restaurant
		ids = append(ids, b.insert(t, order()))
	}
	b.revoke(t, owner, orderID) // position 11
	foreign := b.insert(t, cart())
	b.relay(t)

	id, sequence = head(1 << 40)
	require.Equal(t, ids[4], id)
	require.Equal(t, int64(5), sequence, "a revocation is nobody's newest event")
	id, sequence = head(4)
	require.Equal(t, ids[1], id)
	require.Equal(t, int64(2), sequence)

	for i, id := range ids {
		for _, g := range []event.Group{group, event.RestaurantGroup(restaurantID)} {
			sequence, err := log.Locate(t.Context(), g, id)
			require.NoError(t, err)
			require.Equal(t, int64(i+1), sequence)
		}
	}
	revocation := scan[uuid.UUID](t, b.pool, "SELECT event_id FROM herald.outbox WHERE event_type = 'AccessRevoked'")
	for _, id := range []uuid.UUID{foreign, revocation, uuid.New(), uuid.Nil} {
		_, err := log.Locate(t.Context(), group, id)
		require.ErrorIs(t, err, outbox.ErrUnknownEvent)
	}

	read := func(after, upTo int64, limit int) (sequences []int64) {
		t.Helper()
		entries, err := log.Read(t.Context(), group, after, upTo, limit, 1<<20)
		require.NoError(t, err)
		for _, l := range entries {
			require.Equal(t, group, l.Group)
			require.Equal(t, ids[l.Sequence-1], l.ID)
			sequences = append(sequences, l.Sequence)
		}
		return sequences
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5}, read(0, 1<<40, 100))
	require.Equal(t, []int64{3, 4}, read(2, 8, 100), "up to a position")
	require.Equal(t, []int64{2, 3}, read(1, 1<<40, 2))
	require.Empty(t, read(5, 1<<40, 100))

	entries, _, err := log.ReadFrom(t.Context(), 3, 4)
	require.NoError(t, err)
	require.Len(t, entries, 4)
	require.Equal(t, int64(4), entries[0].Position)
	require.Equal(t, int64(7), entries[3].Position)
}
