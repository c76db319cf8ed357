package relay_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// holding takes the relay's lock over conn, in a transaction that does not go on.
func holding(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	_, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
}

// elapsed waits for the event and returns how long that took.
func (b *bundle) elapsed(t *testing.T, id uuid.UUID, since time.Time) time.Duration {
	t.Helper()
	b.await(t, id)
	took := time.Since(since)
	t.Logf("relayed after %s", took)
	return took
}

// A node that is frozen in the middle of a transaction keeps the others from relaying for a second at most, in each
// of the transactions that hold the relay's lock.
func TestAFrozenNodeIsCutOff(t *testing.T) {
	t.Parallel()
	const second, margin = time.Second, 20 * time.Second // the margin is for a busy machine; the fault would be a minute
	for name, hold := range map[string]func(t *testing.T, conn *pgx.Conn){
		"relaying": holding,
		"delivering a scheduled event": func(t *testing.T, conn *pgx.Conn) {
			t.Helper()
			tx, err := conn.Begin(t.Context())
			require.NoError(t, err)
			_, err = pass.AppendLater(t.Context(), tx, []outbox.Ref{{EventID: uuid.New(), Seq: 1, WrittenAt: time.Now()}},
				uuid.New())
			require.ErrorIs(t, err, outbox.ErrRowGone)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			frozen := b.conn(t)
			hold(t, frozen)
			since := time.Now()
			id := publish(t, b.db.Conn(t))
			b.run(t)
			took := b.elapsed(t, id, since)
			require.Greater(t, took, second/2, "it held the lock")
			require.Less(t, took, second+margin)
			require.Error(t, frozen.Ping(t.Context()), "its session is over")
		})
	}
}

// When a node dies its connections close, and its transaction ends with them: the next look of any other node goes
// on.
func TestAnotherNodeRelaysWhenOneDies(t *testing.T) {
	t.Parallel()
	const target, margin = 500 * time.Millisecond, 1500 * time.Millisecond
	b := setup(t, nil)
	dying := b.conn(t)
	holding(t, dying)
	id := publish(t, b.db.Conn(t))
	b.run(t)
	since := time.Now()
	require.NoError(t, dying.PgConn().Conn().Close()) // as the kernel does it
	require.Less(t, b.elapsed(t, id, since), target+margin)
}

// The network drops the listener's packets silently. The connection is replaced, and meanwhile events are still
// found.
func TestASilentListenConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	proxy := pgtest.NewProxy(t, b.db)
	pool := b.db.Pool(t)
	connected := make(chan struct{}, 100)
	listener := &relay.Listener{
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			return connectTo(ctx, proxy.DSN(), func(*pgx.ConnConfig) {})
		},
		Probe:  func(ctx context.Context) error { return relay.Probe(ctx, pool) },
		Outbox: b.relay.Wake, Log: func(int64) {}, Reconnected: func() { b.relay.Wake(); connected <- struct{}{} },
		Logger: slog.New(slog.DiscardHandler), Liveness: 200 * time.Millisecond,
	}
	b.runWith(t, listener)
	<-connected
	require.Eventually(t, listener.Listening, patience, time.Millisecond)
	proxy.Stall()
	publisher := b.db.Conn(t)
	since := time.Now()
	require.Less(t, b.elapsed(t, publish(t, publisher), since), 2*time.Second)
	<-connected
	require.Eventually(t, listener.Listening, patience, time.Millisecond)
}
