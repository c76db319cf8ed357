package app_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Nothing but LISTEN needs a session of its own: two nodes run behind a pooler that gives every transaction another
// session.
func TestEveryCommittedEventIsReceivedExactlyOnceThroughAPooler(t *testing.T) {
	t.Parallel()
	const sessions = 6
	db := pgtest.New(t)
	pooler := pgtest.NewPooler(t, db, sessions)
	w := newWorld()
	nodes := make([]hubclient.Config, 2)
	for i := range nodes {
		var stop func() <-chan error
		nodes[i], stop = startNodeAt(t, app.Config{DatabaseURL: pooler.DSN(""), ListenDatabaseURL: db.DSN()},
			func(*app.Settings) {}, w.permissions()...)
		t.Cleanup(func() { stopped(t, stop) })
	}
	w.receiveExactlyOnce(t, db, nodes...)
	becomes(t, nodes[0], http.StatusOK, `{"status":"ready"}`)
}

// In every query mode of pgx that works through a pooler, events are relayed, scheduled and set aside.
func TestAnyQueryModeWorksThroughAPooler(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "exec", "simple_protocol", "cache_describe"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			const sessions = 4
			db := pgtest.New(t)
			pool := db.Pool(t)
			parameters := ""
			if mode != "" {
				parameters = "default_query_exec_mode=" + mode
			}
			pooler := pgtest.NewPooler(t, db, sessions)
			cfg, stop := startNodeAt(t, app.Config{DatabaseURL: pooler.DSN(parameters), ListenDatabaseURL: db.DSN()},
				func(*app.Settings) {})
			t.Cleanup(func() { stopped(t, stop) })
			status := func(id uuid.UUID) (status string) {
				require.NoError(t, pool.QueryRow(t.Context(), `SELECT status FROM herald.event_status($1)`, id).Scan(&status))
				return status
			}
			received := make(chan struct{}, 1)
			conn, err := hubclient.Connect(t.Context(), cfg, "/hubs/admin", func(call hubclient.Invocation) {
				if call.Method == "SystemAlert" {
					received <- struct{}{}
				}
			})
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Invoke(t.Context(), "SubscribeToAlerts")
			require.NoError(t, err)
			var at, later, odd uuid.UUID
			require.NoError(t,
				pool.QueryRow(t.Context(),
					`SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid(), deliver_after => now() + interval '1 second'),
				herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}')`).Scan(&later, &at))
			require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				// past the check, as from a newer release
				if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
					return err
				}
				return tx.QueryRow(t.Context(), `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id)
					VALUES ('OrderSplit', gen_random_uuid(), gen_random_uuid(), 'user-1') RETURNING event_id`).Scan(&odd)
			}))
			select {
			case <-received:
			case <-time.After(patience):
				t.Fatal("nothing was received")
			}
			require.Eventually(t, func() bool { return status(at) == "relayed" && status(later) == "relayed" },
				patience, 20*time.Millisecond)
			require.Eventually(t, func() bool {
				var errors int
				require.NoError(t,
					pool.QueryRow(t.Context(),
						`SELECT coalesce(max(cardinality(errors)), 0) FROM herald.river_job WHERE kind = 'retry_event'`).Scan(&errors))
				return errors > 0
			}, patience, 20*time.Millisecond, "what cannot be turned into messages is tried again")
			require.Equal(t, "retrying", status(odd))
		})
	}
}
