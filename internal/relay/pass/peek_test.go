package pass_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

const (
	waitTimeout = 30 * time.Second
	waitTick    = 10 * time.Millisecond
)

func TestPeekSeesWhatAPassWouldFind(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	conn := b.Conn(t)
	waiting := func() bool {
		t.Helper()
		glance, err := pass.Peek(t.Context(), conn)
		require.NoError(t, err)
		return glance.Waiting
	}
	require.False(t, waiting())
	b.Insert(t, fixture.Cart())
	require.True(t, waiting())
	b.Relay(t)
	require.False(t, waiting())

	tx := b.Begin(t)
	_, err := fixture.Insert(t, tx, fixture.Cart())
	require.NoError(t, err)
	xid := fixture.Scan[int64](t, tx, "SELECT pg_current_xact_id()::text::bigint")
	glance, err := pass.Peek(t.Context(), conn)
	require.NoError(t, err)
	require.Contains(t, glance.InProgress, xid)
	require.False(t, glance.Waiting)
	b.Insert(t, fixture.Cart())
	b.Relay(t) // moves the floor above the open transaction's row
	require.False(t, waiting())
	require.NoError(t, tx.Commit(t.Context()))
	glance, err = pass.Peek(t.Context(), conn)
	require.NoError(t, err)
	require.True(t, glance.Waiting, "below the floor, too")
	require.NotContains(t, glance.InProgress, xid)
	b.Relay(t)
	require.False(t, waiting())

	b.Insert(t, fixture.Cart())
	b.Insert(t, fixture.Cart())
	p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 2})
	require.NoError(t, err)
	_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
	require.NoError(t, err)
	require.True(t, waiting(), "a backlog that has not been finished")
}

func TestProducersNotifyOnlyAnArmedRelay(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	relay, listener := b.Conn(t), b.Conn(t)
	_, err := listener.Exec(t.Context(), "LISTEN herald_outbox")
	require.NoError(t, err)
	b.Exec(t, "SELECT setval('herald.relay_armed', 0)")
	b.Insert(t, fixture.Cart()) // does not notify
	require.NoError(t, pass.Arm(t.Context(), relay))
	quiet := b.Conn(t)
	_, err = quiet.Exec(t.Context(), "SET herald.notify = off")
	require.NoError(t, err)
	_, err = fixture.Insert(t, quiet, fixture.Cart()) // does not notify either
	require.NoError(t, err)
	b.Exec(t, "SELECT pg_notify('herald_outbox', 'between')")
	b.Insert(t, fixture.Cart())
	for _, payload := range []string{"between", ""} {
		told, err := listener.WaitForNotification(t.Context())
		require.NoError(t, err)
		require.Equal(t, payload, told.Payload)
	}
}

// A NOTIFY serialises commits, so of many transactions that meet an armed relay a few notify; each counts once.
func TestFewProducersNotifyAnArmedRelay(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	relay, listener := b.Conn(t), b.Conn(t)
	_, err := listener.Exec(t.Context(), "LISTEN herald_outbox")
	require.NoError(t, err)
	const (
		few  = 4
		many = 20
	)
	sessions := make([]*pgx.Conn, many)
	for i := range sessions {
		sessions[i] = b.Conn(t)
	}
	for range 2 { // a relay that arms again is notified again, by the same sessions' next transactions
		require.NoError(t, pass.Arm(t.Context(), relay))
		txs := make([]pgx.Tx, many)
		for i := range txs {
			txs[i], err = sessions[i].Begin(t.Context())
			require.NoError(t, err)
			for range 10 {
				_, err := fixture.Insert(t, txs[i], fixture.Cart())
				require.NoError(t, err)
			}
		}
		for _, tx := range txs {
			require.NoError(t, tx.Commit(t.Context()))
		}
		require.False(t, fixture.Scan[bool](t, b.Pool, "SELECT herald.relay_is_armed()"))
		b.Insert(t, fixture.Cart()) // does not notify
		b.Exec(t, "SELECT pg_notify('herald_outbox', 'end')")
		told := 0
		for {
			n, err := listener.WaitForNotification(t.Context())
			require.NoError(t, err)
			if n.Payload == "end" {
				break
			}
			told++
		}
		require.Equal(t, few, told)
	}
}

func TestLag(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	lag := func(limit int) relay.Lag {
		t.Helper()
		lag, err := relay.ReadLag(t.Context(), b.Pool, limit)
		require.NoError(t, err)
		return lag
	}
	require.Equal(t, relay.Lag{}, lag(100))
	b.Insert(t, fixture.Cart(fixture.Columns{"written_at": time.Now().Add(-time.Minute)}))
	b.Insert(t, fixture.Cart())
	b.Insert(t, fixture.Cart())
	require.Equal(t, int64(3), lag(100).Waiting)
	require.InDelta(t, 60, lag(100).OldestSeconds, 30)
	require.Equal(t, int64(2), lag(2).Waiting, "counted up to the limit")

	p, err := pass.Begin(t.Context(), b.Conn(t), pass.Reading{MaxRows: 2})
	require.NoError(t, err)
	_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
	require.NoError(t, err)
	require.Equal(t, int64(1), lag(100).Waiting, "in the middle of a backlog")
	b.Relay(t)
	require.Equal(t, relay.Lag{}, lag(100))

	straggler := b.Begin(t)
	_, err = fixture.Insert(t, straggler, fixture.Cart())
	require.NoError(t, err)
	b.Insert(t, fixture.Cart())
	b.Relay(t)
	require.Equal(t, relay.Lag{}, lag(100), "what is not committed does not wait")
	require.NoError(t, straggler.Commit(t.Context()))
	require.Equal(t, int64(1), lag(100).Waiting, "what commits late does")
	b.Relay(t)
	require.Equal(t, relay.Lag{}, lag(100))
}
