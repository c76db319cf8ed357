package relay_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/relay/pass"
)

func (b *bundle) conn(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := connector(b.db, relay.Configure)(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

func (b *bundle) ids() []uuid.UUID {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := make([]uuid.UUID, len(b.relayed))
	for i, l := range b.relayed {
		ids[i] = l.ID
	}
	return ids
}

func (b *bundle) sweep(t *testing.T, conn *pgx.Conn) int {
	t.Helper()
	swept, err := b.relay.Sweep(t.Context(), conn)
	require.NoError(t, err)
	return swept
}

// A transaction that has drawn its seq early and commits late is relayed when it commits, and delays no other.
func TestALongTransactionDelaysOnlyItself(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	relaying, slow, quick := b.conn(t), b.db.Conn(t), b.db.Conn(t)
	tx, err := slow.Begin(t.Context())
	require.NoError(t, err)
	early := publish(t, slow)
	var want []uuid.UUID
	for range 5 {
		want = append(want, publish(t, quick))
		require.Equal(t, 1, b.sweep(t, relaying))
	}
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, 1, b.sweep(t, relaying))
	require.Equal(t, append(want, early), b.ids())
	require.Zero(t, b.sweep(t, relaying))
}

// A transaction had its xid, the newest of all, when the relay took its snapshot. The snapshot does not list it,
// because its xmax is only one above the newest xid that has ended.
func TestATransactionBehindTheSnapshotsXmaxIsNotForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	relaying := b.conn(t)
	for range 20 {
		older, newest := b.db.Conn(t), b.db.Conn(t)
		publish(t, older)
		tx, err := newest.Begin(t.Context())
		require.NoError(t, err)
		late := publish(t, newest)
		require.Equal(t, 1, b.sweep(t, relaying))
		require.NoError(t, tx.Commit(t.Context()))
		require.Equal(t, 1, b.sweep(t, relaying))
		require.True(t, b.has(late))
		require.NoError(t, older.Close(t.Context()))
		require.NoError(t, newest.Close(t.Context()))
	}
}

// A backlog is worked off in chunks between two fixed snapshots, whatever is committed meanwhile, and by any node.
func TestABacklogIsWorkedOffInChunks(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *relay.Config) { c.BatchSize = 7 })
	producer, slow := b.db.Conn(t), b.db.Conn(t)
	tx, err := slow.Begin(t.Context())
	require.NoError(t, err)
	late := publish(t, slow)
	var want []uuid.UUID
	for range 40 {
		want = append(want, publish(t, producer))
	}
	nodes := []*pgx.Conn{b.conn(t), b.conn(t)}
	one := func(i int) relay.Passed {
		done, err := b.relay.Pass(t.Context(), nodes[i%2])
		require.NoError(t, err)
		return done
	}
	for i := range 3 {
		require.Equal(t, 7, one(i).Rows)
	}
	require.NoError(t, tx.Commit(t.Context())) // a low seq, behind the cursor, invisible in the target
	behind := publish(t, producer)             // above the ceiling
	b.sweep(t, nodes[1])
	b.sweep(t, nodes[0])
	require.Equal(t, append(want, late, behind), b.ids())
	for i, l := range b.relayed {
		require.Equal(t, int64(i+1), l.Position)
		require.Equal(t, int64(i+1), l.Sequence)
	}
}

// While one relay is in its transaction, another one does not wait.
func TestASecondRelayIsNotKeptWaiting(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	first, second := b.conn(t), b.conn(t)
	publish(t, b.db.Conn(t))
	p, err := pass.Begin(t.Context(), first, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	_, err = b.relay.Pass(t.Context(), second)
	require.ErrorIs(t, err, pass.ErrBusy)
	p.Rollback(t.Context())
	require.Equal(t, 1, b.sweep(t, second))
}

// A relay that dies between reading and committing leaves no trace.
func TestARelayThatDiesInItsTransactionChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	first, second := b.conn(t), b.conn(t)
	id := publish(t, b.db.Conn(t))
	_, err := pass.Begin(t.Context(), first, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	var killed bool
	require.NoError(t,
		second.QueryRow(t.Context(), `SELECT pg_terminate_backend($1, 5000)`, first.PgConn().PID()).Scan(&killed))
	require.True(t, killed)
	require.Equal(t, 1, b.sweep(t, second))
	require.Equal(t, []uuid.UUID{id}, b.ids())
}

// The same event id is delivered once: within a batch, in a later one, and when the first was rolled back.
func TestAnEventIDIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	relaying, producer := b.conn(t), b.db.Conn(t)
	id := uuid.New()
	again := func() {
		_, err := producer.Exec(t.Context(),
			`SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}', event_id => $1)`, id)
		require.NoError(t, err)
	}
	tx, err := producer.Begin(t.Context())
	require.NoError(t, err)
	again()
	require.NoError(t, tx.Rollback(t.Context()))
	again()
	again()
	b.sweep(t, relaying)
	again()
	last := publish(t, producer)
	b.sweep(t, relaying)
	require.Equal(t, []uuid.UUID{id, last}, b.ids())
	require.Equal(t, int64(2), b.relayed[1].Sequence)
}
