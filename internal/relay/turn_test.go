package relay_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Those who relay a single event each, which was scheduled or is tried again, wait for the lock in line. However many they are, the
// relay gets its turn.
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
	const most = 60 // a handful until it waits in line, and there the four
	for range 3 {
		id := publish(t, producer)
		before := turns.Load()
		b.await(t, id)
		require.Less(t, turns.Load(), before+most, "turns of the others")
	}
}
