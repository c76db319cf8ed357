package pass_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

func TestAppendLaterTakesThePlaceBehindEverything(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	scheduled := b.Insert(t, fixture.Order(fixture.Columns{"deliver_after": "2999-01-01 00:00:00+00"}))
	b.Insert(t, fixture.Order())
	b.Relay(t)
	listener := b.Conn(t)
	_, err := listener.Exec(t.Context(), "LISTEN herald_log")
	require.NoError(t, err)

	require.NoError(t, b.AppendLater(t, b.Ref(t, scheduled)))
	places := b.Status(t, scheduled)
	require.Len(t, places, 2)
	require.Equal(t, [2]int64{3, 2}, [2]int64{places[0].Position, places[0].Sequence})
	require.Equal(t, [2]int64{4, 2}, [2]int64{places[1].Position, places[1].Sequence})
	require.Equal(t, fixture.NodeID, places[0].RelayedBy)
	told, err := listener.WaitForNotification(t.Context())
	require.NoError(t, err)
	require.Equal(t, "4", told.Payload)

	require.NoError(t, b.AppendLater(t, b.Ref(t, scheduled)), "a second time is a success")
	require.Len(t, b.Status(t, scheduled), 2, "without an entry")
	last := b.Insert(t, fixture.Order())
	b.Relay(t)
	require.Equal(t, int64(5), b.Status(t, last)[0].Position, "the relay goes on behind it")
}

func TestAppendLaterRefuses(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	poison := b.Insert(t, fixture.Poison())
	err := b.AppendLater(t, b.Ref(t, poison))
	undeliverable, ok := errors.AsType[*event.UndeliverableError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, &event.UndeliverableError{EventID: poison, Reason: "payload: orderNumber is missing"}, undeliverable)

	gone := b.Ref(t, poison)
	b.Exec(t, "DELETE FROM herald.outbox")
	require.ErrorIs(t, b.AppendLater(t, gone), outbox.ErrRowGone)
	require.Zero(t, fixture.Scan[int64](t, b.Pool, "SELECT position FROM herald.relay_state"))
}

// AppendLater waits for a relay at work instead of failing, because nothing else would deliver the event.
func TestAppendLaterWaitsForTheRelay(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	id := b.Insert(t, fixture.Cart())
	ref := b.Ref(t, id)
	conn := b.Conn(t)
	p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	appended := make(chan error, 1)
	ctx := t.Context()
	go func() {
		appended <- pgx.BeginFunc(ctx, b.Pool, func(tx pgx.Tx) error {
			_, err := pass.AppendLater(ctx, tx, []outbox.Ref{ref}, fixture.NodeID)
			return err
		})
	}()
	require.Eventually(t, func() bool {
		return fixture.Scan[bool](t, b.Pool,
			"SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE NOT l.granted AND a.datname = current_database())")
	}, waitTimeout, waitTick)
	_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
	require.NoError(t, err)
	require.NoError(t, <-appended)
	require.Len(t, b.Status(t, id), 1, "and sees what that relay did")
}
