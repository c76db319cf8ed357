package outbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

func TestAPausedRelayLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insert(t, cart())
	b.relay(t)
	changed, err := outbox.Pause(t.Context(), b.pool, "ops, for the upgrade")
	require.NoError(t, err)
	require.True(t, changed)
	changed, err = outbox.Pause(t.Context(), b.pool, "somebody else")
	require.NoError(t, err)
	require.False(t, changed, "it was paused already")
	state, err := outbox.ReadPausing(t.Context(), b.pool)
	require.NoError(t, err)
	require.Equal(t, "ops, for the upgrade", state.By)
	require.WithinDuration(t, time.Now(), state.Since, time.Minute)
	require.Equal(t, int64(1), state.Position)

	waiting := b.insert(t, cart())
	conn := b.Conn(t)
	_, err = outbox.Begin(t.Context(), conn, outbox.Reading{MaxRows: 10})
	require.Equal(t, outbox.ErrPaused, err)
	require.Equal(t, byte('I'), conn.PgConn().TxStatus(), "it holds nothing")
	glance, err := outbox.Peek(t.Context(), conn)
	require.NoError(t, err)
	require.True(t, glance.Paused)
	tx := b.begin(t)
	_, err = outbox.AppendLater(t.Context(), tx, []outbox.Ref{{EventID: waiting, Seq: 2}}, nodeID)
	require.Equal(t, outbox.ErrPaused, err)
	require.NoError(t, tx.Rollback(t.Context()))
	b.relay(t)
	require.Equal(t, "waiting", b.status(t, waiting)[0].Status)

	changed, err = outbox.Resume(t.Context(), b.pool)
	require.NoError(t, err)
	require.True(t, changed)
	changed, err = outbox.Resume(t.Context(), b.pool)
	require.NoError(t, err)
	require.False(t, changed)
	b.relay(t)
	require.Equal(t, int64(2), b.status(t, waiting)[0].Position)
	state, err = outbox.ReadPausing(t.Context(), b.pool)
	require.NoError(t, err)
	require.False(t, state.Paused())
}

// What has been worked off of a backlog is not worked off again after a pause in the middle of it.
func TestAPauseInABacklog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn := b.Conn(t)
	b.exec(t, "INSERT INTO herald.outbox (event_type, resource_id) SELECT 'CartUpdated', $1 FROM generate_series(1, 10)", cartID)
	drain, err := outbox.Begin(t.Context(), conn, outbox.Reading{MaxRows: 4})
	require.NoError(t, err)
	_, err = drain.Commit(t.Context(), entriesOf(t, drain), nodeID, false)
	require.NoError(t, err)
	for _, set := range []func() (bool, error){
		func() (bool, error) { return outbox.Pause(t.Context(), b.pool, "") },
		func() (bool, error) { return outbox.Resume(t.Context(), b.pool) },
	} {
		_, err = set()
		require.NoError(t, err)
	}
	b.relay(t)
	require.Equal(t, "10 10", scan[string](t, b.pool, "SELECT count(*) || ' ' || max(sequence) FROM herald.event_log"))
}

func TestAPauseWaitsForTheBatchThatIsUnderWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insert(t, cart())
	drain, err := outbox.Begin(t.Context(), b.Conn(t), outbox.Reading{MaxRows: 10})
	require.NoError(t, err)
	paused := make(chan error, 1)
	go func() {
		_, err := outbox.Pause(t.Context(), b.pool, "")
		paused <- err
	}()
	require.Eventually(t, func() bool {
		return scan[bool](t, b.pool, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())")
	}, 30*time.Second, time.Millisecond)
	require.Empty(t, paused)
	_, err = drain.Commit(t.Context(), entriesOf(t, drain), nodeID, false)
	require.NoError(t, err)
	require.NoError(t, <-paused)
	state, err := outbox.ReadPausing(t.Context(), b.pool)
	require.NoError(t, err)
	require.True(t, state.Paused())
	require.Equal(t, int64(1), state.Position)
}
