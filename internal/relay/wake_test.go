package relay_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/relay/pass"
)

// Only notifications and the relay's own looks after arming can find an event here: the poll comes once an hour.
// Producers commit at every distance from the moment in which the relay arms, so a wake-up that could be lost is
// lost.
func TestNoWakeUpIsLost(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *relay.Config) { c.PollInterval = time.Hour })
	b.run(t)
	const producers, events = 4, 300
	done := make(chan uuid.UUID)
	for range producers {
		conn := b.db.Conn(t)
		go func() {
			for range events {
				tx, err := conn.Begin(t.Context())
				if err != nil {
					return // the test has ended
				}
				var id uuid.UUID
				if tx.QueryRow(t.Context(), publishAlert).Scan(&id) != nil {
					return
				}
				pause(time.Duration(rand.IntN(6000)) * time.Microsecond) // between insert and commit: arm may come here
				if tx.Commit(t.Context()) != nil {
					return
				}
				done <- id
				pause(time.Duration(rand.IntN(8000)) * time.Microsecond)
			}
		}()
	}
	for range producers * events {
		b.await(t, <-done)
	}
}

// pause lets time pass between a producer's steps. It is the producer's behaviour, not a wait.
func pause(d time.Duration) { <-time.After(d) }

// A transaction that began to write before the relay armed, and commits long after, while nothing else happens.
func TestACommitLongAfterArmingIsFound(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *relay.Config) { c.PollInterval = time.Hour })
	conn := b.db.Conn(t)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT setval('herald.relay_armed', 0)`)
	require.NoError(t, err)
	late := publish(t, conn) // read a flag that says that no relay sleeps
	b.run(t)
	other := b.db.Conn(t)
	require.Eventually(t, func() bool {
		var armed bool
		require.NoError(t, other.QueryRow(t.Context(), `SELECT herald.relay_is_armed()`).Scan(&armed))
		return armed
	}, patience, time.Millisecond)
	pause(50 * time.Millisecond) // the second look has found nothing by now
	require.NoError(t, tx.Commit(t.Context()))
	b.await(t, late)
}

// The transactions that were to notify do not commit. Others that commit meanwhile do not notify; the next look
// finds their events.
func TestWhoNotifiesMayStayOpen(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.run(t)
	b.await(t, publish(t, b.db.Conn(t)))
	isArmed := func(other *pgx.Conn) (armed bool) {
		require.NoError(t, other.QueryRow(t.Context(), `SELECT herald.relay_is_armed()`).Scan(&armed))
		return armed
	}
	other := b.db.Conn(t)
	for isArmed(other) {
		conn := b.db.Conn(t)
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		defer func() { _ = tx.Rollback(t.Context()) }()
		publish(t, conn)
	}
	b.await(t, publish(t, other))
}

// Under load producers are spared the notification, and at rest they are asked for it again.
func TestTheRelayDisarmsUnderLoadAndArmsAtRest(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	conn := b.db.Conn(t)
	_, err := conn.Exec(t.Context(),
		`SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}') FROM generate_series(1, 50)`)
	require.NoError(t, err)
	relaying, err := connector(b.db, relay.Configure)(t.Context())
	require.NoError(t, err)
	defer func() { _ = relaying.Close(t.Context()) }()
	require.NoError(t, pass.Arm(t.Context(), relaying))

	done, err := b.relay.Pass(t.Context(), relaying)
	require.NoError(t, err)
	require.Equal(t, relay.Passed{Rows: 50, More: false, Armed: false}, done)

	b.run(t)
	require.Eventually(t, func() bool {
		var armed bool
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT herald.relay_is_armed()`).Scan(&armed))
		return armed
	}, patience, time.Millisecond)
}
