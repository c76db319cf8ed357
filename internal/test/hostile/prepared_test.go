package hostile_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// preparing is a server that allows two-phase commit.
func preparing(t *testing.T) *pgtest.Database {
	t.Helper()
	return pgtest.NewCluster(t, map[string]string{"max_prepared_transactions": "10"}).Database
}

func scan[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// eventually waits until an event has the given state.
func eventually(t *testing.T, conn *pgx.Conn, state string, id uuid.UUID) {
	t.Helper()
	require.Eventually(t, func() bool {
		return scan[string](t, conn, "SELECT status FROM herald.event_status($1) LIMIT 1", id) == state
	}, patience, 10*time.Millisecond, state)
}

// Publishing works in a transaction that is prepared, with the default settings, while the relay sleeps and while
// it is busy. Its events are delivered after its commit, and not before.
//
// Acceptance: A-436.
func TestPublishingInAPreparedTransaction(t *testing.T) {
	t.Parallel()
	db := preparing(t)
	node(t, db, nil)
	owner, conn := db.Conn(t), producer(t, db)
	for name, flag := range map[string]int64{"sleeping": 1, "busy": 5} {
		for round, end := range []string{"COMMIT", "ROLLBACK"} {
			// Each of the transaction's rows finds this state, whatever the relay does meanwhile.
			armed := func() { exec(t, owner, "SELECT setval('herald.relay_armed', $1)", flag) }
			exec(t, conn, "BEGIN")
			ids := make([]uuid.UUID, 0, 4)
			publish := func(sql string) {
				armed()
				ids = append(ids, scan[uuid.UUID](t, conn, sql))
			}
			publish("SELECT herald.publish_order_event('OrderPlaced', gen_random_uuid(), 'YZ-1', 'Placed', gen_random_uuid(), 'user-1')")
			publish(
				"INSERT INTO herald.outbox (event_type, resource_id) VALUES ('CartUpdated', gen_random_uuid()) RETURNING event_id")
			exec(t, conn, "SAVEPOINT part")
			publish("SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid())")
			exec(t, conn, "RELEASE part")
			exec(t, conn, "SAVEPOINT undone")
			publish("SELECT herald.publish_teamcart_event('CartLocked', gen_random_uuid())")
			exec(t, conn, "ROLLBACK TO undone")
			undone := ids[3]
			gid := name + []string{"-committed", "-undone"}[round]
			exec(t, conn, "PREPARE TRANSACTION '"+gid+"'")
			after := scan[uuid.UUID](t, owner, "SELECT herald.publish_teamcart_event('CartExpired', gen_random_uuid())")
			eventually(t, owner, "relayed", after)
			require.Equal(t, "unknown", scan[string](t, owner, "SELECT status FROM herald.event_status($1)", ids[0]),
				"what is prepared is not committed")
			exec(t, conn, end+" PREPARED '"+gid+"'")
			if end == "COMMIT" {
				for _, id := range ids[:3] {
					eventually(t, owner, "relayed", id)
				}
			}
			eventually(t, owner, "relayed",
				scan[uuid.UUID](t, owner, "SELECT herald.publish_teamcart_event('CartExpired', gen_random_uuid())"))
			require.Equal(t, "unknown", scan[string](t, owner, "SELECT status FROM herald.event_status($1)", undone))
			if end == "ROLLBACK" {
				require.Equal(t, "unknown", scan[string](t, owner, "SELECT status FROM herald.event_status($1)", ids[0]))
			}
		}
	}
}

// On a server that allows prepared transactions, only a session that says that it never prepares notifies a
// sleeping relay. Herald's own sessions say so.
//
// Acceptance: A-437.
func TestWhoNeverPreparesWakesTheRelay(t *testing.T) {
	t.Parallel()
	db := preparing(t)
	owner, conn, listener := db.Conn(t), producer(t, db), db.Conn(t)
	exec(t, listener, "LISTEN herald_outbox")
	const publish = "SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid())"
	notified := func(by func()) bool {
		t.Helper()
		exec(t, owner, "SELECT setval('herald.relay_armed', 1)")
		by()
		exec(t, owner, "SELECT pg_notify('herald_outbox', 'end')")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		first, err := listener.WaitForNotification(ctx)
		require.NoError(t, err)
		if first.Payload == "end" {
			return false
		}
		_, err = listener.WaitForNotification(ctx)
		require.NoError(t, err)
		return true
	}
	publishes := func() { exec(t, conn, publish) }
	require.False(t, notified(publishes), "by default")
	require.Equal(t, int64(1), scan[int64](t, owner, "SELECT last_value FROM herald.relay_armed"),
		"and it takes no other's turn")
	for value, want := range map[string]bool{"on": true, "TRUE": true, "off": false, "": false, "perhaps": false} {
		exec(t, conn, "SELECT set_config('herald.notify', $1, false)", value)
		require.Equal(t, want, notified(publishes), "herald.notify = %q", value)
	}
	exec(t, conn, "SET herald.notify = on")
	exec(t, owner, "SELECT setval('herald.relay_armed', 1)")
	exec(t, conn, "BEGIN")
	exec(t, conn, publish)
	_, err := conn.Exec(t.Context(), "PREPARE TRANSACTION 'never'")
	failure, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "0A000", failure.Code, "feature_not_supported: %v", err)

	require.True(t, notified(func() {
		_, err := outbox.NewPublisher(owner).PublishAdmin(t.Context(), event.SystemAlert,
			[]byte(`{"type": "info", "message": "m"}`), uuid.Nil)
		require.NoError(t, err)
	}), "Herald's own")
}
