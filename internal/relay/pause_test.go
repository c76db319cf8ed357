package relay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

func TestAPausedRelayLosesNothing(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	b.Insert(t, fixture.Cart())
	b.Relay(t)
	changed, err := relay.Pause(t.Context(), b.Pool, "ops, for the upgrade")
	require.NoError(t, err)
	require.True(t, changed)
	changed, err = relay.Pause(t.Context(), b.Pool, "somebody else")
	require.NoError(t, err)
	require.False(t, changed, "it was paused already")
	state, err := relay.ReadPausing(t.Context(), b.Pool)
	require.NoError(t, err)
	require.Equal(t, "ops, for the upgrade", state.By)
	require.WithinDuration(t, time.Now(), state.Since, time.Minute)
	require.Equal(t, int64(1), state.Position)

	waiting := b.Insert(t, fixture.Cart())
	conn := b.Conn(t)
	_, err = pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
	require.Equal(t, pass.ErrPaused, err)
	require.Equal(t, byte('I'), conn.PgConn().TxStatus(), "it holds nothing")
	glance, err := pass.Peek(t.Context(), conn)
	require.NoError(t, err)
	require.True(t, glance.Paused)
	tx := b.Begin(t)
	_, err = pass.AppendLater(t.Context(), tx, []outbox.Ref{{EventID: waiting, Seq: 2}}, fixture.NodeID)
	require.Equal(t, pass.ErrPaused, err)
	require.NoError(t, tx.Rollback(t.Context()))
	b.Relay(t)
	require.Equal(t, "waiting", b.Status(t, waiting)[0].Status)

	changed, err = relay.Resume(t.Context(), b.Pool)
	require.NoError(t, err)
	require.True(t, changed)
	changed, err = relay.Resume(t.Context(), b.Pool)
	require.NoError(t, err)
	require.False(t, changed)
	b.Relay(t)
	require.Equal(t, int64(2), b.Status(t, waiting)[0].Position)
	state, err = relay.ReadPausing(t.Context(), b.Pool)
	require.NoError(t, err)
	require.False(t, state.Paused())
}

// After a pause in the middle of a backlog its finished part is not worked off again.
func TestAPauseInABacklog(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	conn := b.Conn(t)
	b.Exec(t, "INSERT INTO herald.outbox (event_type, resource_id) SELECT 'CartUpdated', $1 FROM generate_series(1, 10)",
		fixture.CartID)
	p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 4})
	require.NoError(t, err)
	_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
	require.NoError(t, err)
	for _, set := range []func() (bool, error){
		func() (bool, error) { return relay.Pause(t.Context(), b.Pool, "") },
		func() (bool, error) { return relay.Resume(t.Context(), b.Pool) },
	} {
		_, err = set()
		require.NoError(t, err)
	}
	b.Relay(t)
	require.Equal(t, "10 10",
		fixture.Scan[string](t, b.Pool, "SELECT count(*) || ' ' || max(sequence) FROM herald.event_log"))
}

func TestAPauseWaitsForTheBatchThatIsUnderWay(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	b.Insert(t, fixture.Cart())
	p, err := pass.Begin(t.Context(), b.Conn(t), pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	paused := make(chan error, 1)
	go func() {
		_, err := relay.Pause(t.Context(), b.Pool, "")
		paused <- err
	}()
	require.Eventually(t, func() bool {
		return fixture.Scan[bool](t, b.Pool,
			"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())")
	}, 30*time.Second, time.Millisecond)
	require.Empty(t, paused)
	_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
	require.NoError(t, err)
	require.NoError(t, <-paused)
	state, err := relay.ReadPausing(t.Context(), b.Pool)
	require.NoError(t, err)
	require.True(t, state.Paused())
	require.Equal(t, int64(1), state.Position)
}
