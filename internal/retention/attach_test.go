package retention_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/fixture"
)

// A producer writes to a day while the day gets its partition: its insert waits, and does not fail.
func TestAProducerWritesWhileItsDayIsAttached(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, "DO $$ BEGIN EXECUTE 'DROP TABLE herald.outbox_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD'); END $$")
	first := b.Insert(t, fixture.Cart()) // in the default partition, and moved
	tx := b.Begin(t)
	_, err := tx.Exec(t.Context(), "SELECT herald.ensure_partition('outbox', (now() AT TIME ZONE 'UTC')::date)")
	require.NoError(t, err)
	inserted := make(chan error, 1)
	producer := b.Login(t, "herald_producer")
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
		return fixture.Scan[bool](t, b.Pool, "SELECT EXISTS (SELECT FROM pg_locks l WHERE l.pid = $1 AND NOT l.granted)",
			int64(pid))
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-inserted)
	require.Zero(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox_default"))
	require.Equal(t, 2, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox"))
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox WHERE event_id = $1", first))
}
