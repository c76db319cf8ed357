package app_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/peers"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// page returns a node's answer at a path that needs no token.
func page(t *testing.T, url string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(b)
}

// Acceptance: A-480.
func TestNodesSayWhomTheyCannotReachAndWhere(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	a, stopA := startNode(t, db, func(*app.Settings) {})
	const nowhere = "http://127.0.0.1:1"
	b, stopB := startNode(t, db, func(s *app.Settings) { s.NodeURL = nowhere })
	require.Eventually(t, func() bool {
		status, text := page(t, a.URL+"/readyz")
		require.Equal(t, http.StatusOK, status, "it does its work")
		return strings.Contains(text, "degraded: node ") && strings.Contains(text, " cannot be reached at "+nowhere+" (") &&
			strings.Contains(text, "connection refused")
	}, patience, 50*time.Millisecond)
	_, text := page(t, a.URL+"/metrics")
	require.Contains(t, text, "herald_peers_unreachable 1\n")
	require.Regexp(t,
		`herald_peer_reachable\{address="http://127.0.0.1:1",node="[-0-9a-f]{36}",peer="[-0-9a-f]{36}",peer_host="[^"]+"\} 0\n`, text)

	// The unreachable node reaches the other.
	require.Eventually(t, func() bool {
		_, text := page(t, b.URL+"/metrics")
		return strings.Contains(text, `herald_peer_reachable{address="`+a.URL+`"`)
	}, patience, 50*time.Millisecond)
	_, text = page(t, b.URL+"/metrics")
	require.Contains(t, text, "herald_peers_unreachable 0\n")
	_, text = page(t, b.URL+"/readyz")
	require.NotContains(t, text, "cannot be reached")

	// The findings of each node are in the database, for herald check.
	require.Eventually(t, func() bool {
		nodes, err := nodes.ReadReach(t.Context(), db.Pool(t))
		require.NoError(t, err)
		require.Len(t, nodes, 2)
		told := 0
		for _, n := range nodes {
			for _, other := range n.Unreachable {
				require.Equal(t, a.URL, n.URL)
				require.Equal(t, nowhere, other.URL)
				told++
			}
		}
		return told == 1
	}, patience, 50*time.Millisecond)

	stopped(t, stopB)
	require.Eventually(t, func() bool {
		_, text := page(t, a.URL+"/readyz")
		return !strings.Contains(text, "cannot be reached")
	}, patience, 50*time.Millisecond, "a node that is gone is not missed")
	stopped(t, stopA)
}

func TestTheEntranceForNodesIsBesideTheHubsOrAtAnAddressOfItsOwn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	main, stopMain := startNode(t, db, func(*app.Settings) {})
	status, text := page(t, main.URL+peers.Path+"/ping")
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, "for nodes only", text)

	apart, stopApart := startNodeAt(t, app.Config{DatabaseURL: db.DSN(), Logger: slog.New(slog.DiscardHandler)},
		func(s *app.Settings) {
			s.NodeListen = "127.0.0.1:0"
		})
	status, _ = page(t, apart.URL+peers.Path+"/ping")
	require.Equal(t, http.StatusNotFound, status, "the main address has none")
	var reached []nodes.Reach
	require.Eventually(t, func() bool {
		var err error
		reached, err = nodes.ReadReach(t.Context(), db.Pool(t))
		require.NoError(t, err)
		return len(reached) == 2
	}, patience, 50*time.Millisecond)
	for _, n := range reached {
		if n.URL == main.URL {
			continue
		}
		require.NotEqual(t, apart.URL, n.URL)
		status, _ = page(t, n.URL+peers.Path+"/ping")
		require.Equal(t, http.StatusUnauthorized, status)
		for _, path := range []string{"/", "/healthz", "/hubs/admin", "/api/admin/realtime/health", "/metrics"} {
			status, _ = page(t, n.URL+path)
			require.Equal(t, http.StatusNotFound, status, "nothing else is there: "+path)
		}
	}
	for _, url := range []string{main.URL, apart.URL} {
		require.Eventually(t, func() bool {
			_, text := page(t, url+"/metrics")
			return strings.Contains(text, "herald_peer_reachable{") && strings.Contains(text, "herald_peers_unreachable 0\n")
		}, patience, 50*time.Millisecond)
	}
	stopped(t, stopMain)
	stopped(t, stopApart)
}
