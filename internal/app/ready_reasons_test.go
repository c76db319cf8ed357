package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// The failure of each part that a node needs takes it out of the load balancer, and back in; its process is not
// restarted for it.
//
// Acceptance.
func TestANodeWithoutWhatItNeedsIsAliveAndNotReady(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool, proxy := db.Pool(t), pgtest.NewProxy(t, db)
	cfg, stop := startNodeAt(t, app.Config{DatabaseURL: proxy.DSN(), ListenDatabaseURL: proxy.DSN()},
		func(*app.Settings) {})
	t.Cleanup(func() { stopped(t, stop) })
	exec := func(sql string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	alive := func(want int, because string) {
		t.Helper()
		becomes(t, cfg, want, because)
		healthz, _ := ask(t, cfg, http.MethodGet, "/healthz", "")
		require.Equal(t, http.StatusOK, healthz)
	}
	alive(http.StatusOK, "ready")

	proxy.Shut()
	alive(http.StatusServiceUnavailable, "not ready")
	proxy.Reopen()
	alive(http.StatusOK, "ready")

	exec(`CREATE TABLE public.applied AS SELECT * FROM herald.goose_db_version ORDER BY version_id DESC LIMIT 1`)
	exec(`DELETE FROM herald.goose_db_version WHERE version_id = (SELECT version_id FROM public.applied)`)
	alive(http.StatusServiceUnavailable, "herald migrate up")
	exec(`INSERT INTO herald.goose_db_version OVERRIDING SYSTEM VALUE SELECT * FROM public.applied`)
	alive(http.StatusOK, "ready")

	// The database answers, but no relay gets as far as looking.
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE herald.relay_lock IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	exec(`SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}')`)
	alive(http.StatusServiceUnavailable, "the relay has not worked for")
	require.NoError(t, tx.Rollback(t.Context()))
	alive(http.StatusOK, "ready")
}

// The ends of connections are counted by reason.
//
// Acceptance: A-175.
func TestClosedConnectionsAreCountedByReason(t *testing.T) {
	t.Parallel()
	cfg := node(t, pgtest.New(t))
	c, err := hubclient.Connect(t.Context(), cfg, "/hubs/admin", nil)
	require.NoError(t, err)
	c.Close()
	require.Eventually(t, func() bool {
		_, metrics := ask(t, cfg, http.MethodGet, "/metrics", "")
		return strings.Contains(metrics, `herald_connections_closed_total{hub="admin",reason="client"} 1`+"\n")
	}, patience, 10*time.Millisecond)

	c, err = hubclient.Connect(t.Context(), cfg, "/hubs/admin", nil)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Invoke(t.Context(), "SubscribeToAlerts", string(make([]byte, 64<<10)))
	require.Error(t, err)
	within(t, c.Done(), "the end of the connection")
	require.Eventually(t, func() bool {
		_, metrics := ask(t, cfg, http.MethodGet, "/metrics", "")
		return strings.Contains(metrics, `herald_connections_closed_total{hub="admin",reason="protocol"} 1`+"\n")
	}, patience, 10*time.Millisecond)
}
