package outbox_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

func TestAppendLaterTakesThePlaceBehindEverything(t *testing.T) {
	t.Parallel()
	b := setup(t)
	scheduled := b.insert(t, order(columns{"deliver_after": "2999-01-01 00:00:00+00"}))
	b.insert(t, order())
	b.relay(t)
	listener := b.Conn(t)
	_, err := listener.Exec(t.Context(), "LISTEN herald_log")
	require.NoError(t, err)

	require.NoError(t, b.appendLater(t, b.ref(t, scheduled)))
	places := b.status(t, scheduled)
	require.Len(t, places, 2)
	require.Equal(t, [2]int64{3, 2}, [2]int64{places[0].Position, places[0].Sequence})
	require.Equal(t, [2]int64{4, 2}, [2]int64{places[1].Position, places[1].Sequence})
	require.Equal(t, nodeID, places[0].RelayedBy)
	told, err := listener.WaitForNotification(t.Context())
	require.NoError(t, err)
	require.Equal(t, "4", told.Payload)

	require.NoError(t, b.appendLater(t, b.ref(t, scheduled)), "a second time is a success")
	require.Len(t, b.status(t, scheduled), 2, "without an entry")
	last := b.insert(t, order())
	b.relay(t)
	require.Equal(t, int64(5), b.status(t, last)[0].Position, "the relay goes on behind it")
}

func TestAppendLaterRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	poison := b.insert(t, poison())
	err := b.appendLater(t, b.ref(t, poison))
	undeliverable, ok := errors.AsType[*event.UndeliverableError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, &event.UndeliverableError{EventID: poison, Reason: "payload: orderNumber is missing"}, undeliverable)

	gone := b.ref(t, poison)
	b.exec(t, "DELETE FROM herald.outbox")
	require.ErrorIs(t, b.appendLater(t, gone), outbox.ErrRowGone)
	require.Zero(t, scan[int64](t, b.pool, "SELECT position FROM herald.relay_state"))
}

// It waits for the relay that is at work instead of failing, for nobody else would take the event.
func TestAppendLaterWaitsForTheRelay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.insert(t, cart())
	ref := b.ref(t, id)
	conn := b.Conn(t)
	drain, err := outbox.Begin(t.Context(), conn, outbox.Reading{MaxRows: 10})
	require.NoError(t, err)
	appended := make(chan error, 1)
	ctx := t.Context()
	go func() {
		appended <- pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
			_, err := outbox.AppendLater(ctx, tx, []outbox.Ref{ref}, nodeID)
			return err
		})
	}()
	require.Eventually(t, func() bool {
		return scan[bool](t, b.pool, "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE NOT l.granted AND a.datname = current_database())")
	}, waitTimeout, waitTick)
	_, err = drain.Commit(t.Context(), entriesOf(t, drain), nodeID, false)
	require.NoError(t, err)
	require.NoError(t, <-appended)
	require.Len(t, b.status(t, id), 1, "and sees what that relay did")
}
