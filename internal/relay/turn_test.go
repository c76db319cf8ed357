package relay_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Transactions that relay a single event each, one that was scheduled or is tried again, wait for the lock in line.
// However many they are, the relay gets its turn.
func TestARelayGetsItsTurn(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	pool := b.db.Pool(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var turns atomic.Int64
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, "SELECT pg_sleep(0.05) FROM (SELECT FROM herald.relay_lock FOR UPDATE) l")
					return err
				})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				turns.Add(1)
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	b.run(t)
	producer := b.db.Conn(t)
	const most = 60 // a few until the relay waits in line, and the four before it there
	for range 3 {
		id := publish(t, producer)
		before := turns.Load()
		b.await(t, id)
		require.Less(t, turns.Load(), before+most, "turns of the others")
	}
}

// A transaction that holds the lock without progress keeps every relay from its work. The relays' last looks must
// show that.
func TestALookAtEventsThatNobodyRelaysIsNoLook(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	holder, err := b.db.Pool(t).Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = holder.Rollback(context.Background()) }() // has no effect when the test has come to its end
	_, err = holder.Exec(t.Context(), "SELECT FROM herald.relay_lock FOR UPDATE")
	require.NoError(t, err)
	b.run(t)
	r := b.relay
	const patience = 20 * time.Second
	require.Eventually(t, func() bool { return !r.LastLook().IsZero() }, patience, 10*time.Millisecond, "nothing waits")
	id := publish(t, b.db.Conn(t))
	require.Eventually(t, func() bool { return time.Since(r.LastLook()) > 5*time.Second }, patience, 10*time.Millisecond)
	before := r.LastLook()
	require.NoError(t, holder.Rollback(t.Context()))
	b.await(t, id)
	require.Greater(t, r.LastLook(), before)
}
