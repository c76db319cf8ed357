package app_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// readyz returns the status and the body of /readyz.
func readyz(t *testing.T, cfg hubclient.Config) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, cfg.URL+"/readyz", nil)
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// becomes waits until /readyz answers with the status and the reason; on a busy machine another answer may come
// first.
func becomes(t *testing.T, cfg hubclient.Config, want int, because string) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, body := readyz(t, cfg)
		return status == want && strings.Contains(body, because)
	}, patience, 20*time.Millisecond, "not %d because of %q", want, because)
}

// A log that ends before the node's broadcast position is an older state of the database: new events would come at
// positions that the node has passed. Readiness says so instead of staying silent.
//
// Acceptance: A-377.
func TestANodeAheadOfTheLogIsNotReady(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	cfg := node(t, db)
	becomes(t, cfg, http.StatusOK, "ready")

	_, err := pool.Exec(t.Context(), `SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}')`)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var broadcast int64
		require.NoError(t,
			pool.QueryRow(t.Context(), `SELECT coalesce(max(broadcast_position), 0) FROM herald.node`).Scan(&broadcast))
		return broadcast == 1
	}, patience, 20*time.Millisecond)
	_, err = pool.Exec(t.Context(), `UPDATE herald.relay_checkpoint SET position = 0`)
	require.NoError(t, err)
	becomes(t, cfg, http.StatusServiceUnavailable, "older state")
}
