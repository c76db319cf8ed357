package eventlog_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

func TestReadingTheLog(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	log := eventlog.NewReader(b.Pool)
	group := event.OrderGroup(fixture.OrderID)
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
		ids = append(ids, b.Insert(t, fixture.Order()))
	}
	b.Revoke(t, fixture.Owner, fixture.OrderID) // position 11
	foreign := b.Insert(t, fixture.Cart())
	b.Relay(t)

	id, sequence = head(1 << 40)
	require.Equal(t, ids[4], id)
	require.Equal(t, int64(5), sequence, "a revocation is nobody's newest event")
	id, sequence = head(4)
	require.Equal(t, ids[1], id)
	require.Equal(t, int64(2), sequence)

	for i, id := range ids {
		for _, g := range []event.Group{group, event.RestaurantGroup(fixture.RestaurantID)} {
			sequence, err := log.Locate(t.Context(), g, id)
			require.NoError(t, err)
			require.Equal(t, int64(i+1), sequence)
		}
	}
	revocation := fixture.Scan[uuid.UUID](t, b.Pool,
		"SELECT event_id FROM herald.outbox WHERE event_type = 'AccessRevoked'")
	for _, id := range []uuid.UUID{foreign, revocation, uuid.New(), uuid.Nil} {
		_, err := log.Locate(t.Context(), group, id)
		require.ErrorIs(t, err, eventlog.ErrUnknownEvent)
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
