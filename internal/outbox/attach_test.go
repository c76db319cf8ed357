package outbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A producer writes to a day while that gets its partition: its insert waits, and does not fail.
func TestAProducerWritesWhileItsDayIsAttached(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, "DO $$ BEGIN EXECUTE 'DROP TABLE herald.outbox_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD'); END $$")
	first := b.insert(t, cart()) // in the default partition, and moved
	tx := b.begin(t)
	_, err := tx.Exec(t.Context(), "SELECT herald.ensure_partition('outbox', (now() AT TIME ZONE 'UTC')::date)")
	require.NoError(t, err)
	inserted := make(chan error, 1)
	producer := b.login(t, "herald_producer")
	pid := producer.PgConn().PID()
	go func() {
		_, err := producer.Exec(t.Context(), "SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid())")
		inserted <- err
	}()
	require.Eventually(t, func() bool {
		select {
		case err := <-inserted:
			require.NoError(t, err)
			require.FailNow(t, "it does not wait")
		default:
		}
		return scan[bool](t, b.pool, "SELECT EXISTS (SELECT FROM pg_locks l WHERE l.pid = $1 AND NOT l.granted)", int64(pid))
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-inserted)
	require.Zero(t, scan[int](t, b.pool, "SELECT count(*) FROM herald.outbox_default"))
	require.Equal(t, 2, scan[int](t, b.pool, "SELECT count(*) FROM herald.outbox"))
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM herald.outbox WHERE event_id = $1", first))
}
