package hostile_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// The connections of a node to the database: pool_max_conns, and two.
const (
	poolConnections = 16
	nodeConnections = poolConnections + 2
)

// pooled is a node whose pools have [poolConnections], with an order that "tester" may follow and whose one event
// it has to read from the log.
func pooled(t *testing.T) (cfg hubclient.Config, conn *pgx.Conn, order uuid.UUID) {
	t.Helper()
	db := pgtest.New(t)
	conn, order = db.Conn(t), uuid.New()
	cfg = node(t, db, func(c *app.Config) {
		c.DatabaseURL += fmt.Sprintf("&pool_max_conns=%d", poolConnections)
		c.Server.RingBytes = 1
		// scraping and subscribing clients share one address
		c.Server.MaxUnauthenticated, c.Server.MaxUnauthenticatedPerAddress = 0, 0
		c.Server.AuthorizeCache = 0
	})
	exec(t, conn, "SELECT herald.grant_access('MustBeOrderOwner', $1, 'tester')", order)
	exec(t, conn,
		"SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', gen_random_uuid(), 'customer')", order)
	relayed(t, conn, 1)
	return cfg, conn, order
}

// follows makes a client subscribe, and resume from the log, as a user whose permission is in the database.
func follows(t *testing.T, cfg hubclient.Config, order uuid.UUID) {
	t.Helper()
	c, err := hubclient.Connect(t.Context(), cfg, "/hubs/customer-orders", nil)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Invoke(t.Context(), "SubscribeToOrder", order.String())
	require.NoError(t, err)
	answer, err := c.Invoke(t.Context(), "ResumeOrder", order.String(), uuid.Nil.String())
	require.NoError(t, err)
	require.Contains(t, string(answer), `"replayed":1`)
}

// watch counts the node's connections until stop is called, which returns the largest count.
func watch(t *testing.T, conn *pgx.Conn) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	most, ended := 0, make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			var n int
			if conn.QueryRow(context.WithoutCancel(ctx),
				`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
				AND backend_type = 'client backend' AND application_name LIKE 'herald%'`).Scan(&n) == nil {
				most = max(most, n)
			}
		}
	}()
	return func() int { cancel(); <-ended; return most }
}

// Whatever administrators' requests and the jobs wait for, a client that subscribes or resumes has connections that
// nothing else takes, the node stays ready, and events are delivered. All that takes no more connections than
// documented.
//
// Acceptance.
func TestWhatHoldsTheWorkingConnectionsHoldsNoClient(t *testing.T) {
	t.Parallel()
	cfg, conn, order := pooled(t)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	exec(t, conn, "LOCK TABLE herald.platform_stats IN ACCESS EXCLUSIVE MODE")
	asking, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	bearer := token(t, "admin")
	for range 40 {
		all.Go(func() {
			for asking.Err() == nil {
				_, _, _ = fetch(asking, cfg.URL+"/api/admin/realtime/platform-snapshot", bearer, io.Discard)
			}
		})
	}
	blocked := func() (n int) {
		require.NoError(t,
			conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
			WHERE d.datname = current_database() AND NOT l.granted`).Scan(&n))
		return n
	}
	require.Eventually(t, func() bool { return blocked() >= 6 }, patience, 20*time.Millisecond)

	for range 5 {
		follows(t, cfg, order)
		status, _, err := fetch(t.Context(), cfg.URL+"/readyz", "", io.Discard)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.GreaterOrEqual(t, blocked(), 6)
	}
	stop()
	require.NoError(t, tx.Rollback(t.Context()))
}

// Thousands of probes and scrapes without a token come at once: subscribing goes on, and each probe learns that the
// node is ready.
//
// Acceptance.
func TestScrapesHoldUpNoClientAndNoProbe(t *testing.T) {
	t.Parallel()
	cfg, conn, order := pooled(t)
	stopWatching := watch(t, conn)
	const scrapes = 2000
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: scrapes}}
	defer client.CloseIdleConnections()
	flooding, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var ready, notReady atomic.Int64
	for i := range scrapes {
		path := []string{"/metrics", "/readyz", "/api/admin/realtime/health"}[i%3]
		all.Go(func() {
			for flooding.Err() == nil {
				request, err := http.NewRequestWithContext(flooding, http.MethodGet, cfg.URL+path, nil)
				if err != nil {
					return
				}
				response, err := client.Do(request)
				if err != nil {
					continue // the node need not give all of them a socket
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				switch response.StatusCode {
				case http.StatusOK:
					ready.Add(1)
				case http.StatusTooManyRequests:
				default:
					notReady.Add(1)
				}
			}
		})
	}
	require.Eventually(t, func() bool { return ready.Load() > scrapes/4 }, patience, 10*time.Millisecond)
	for range 3 {
		follows(t, cfg, order)
	}
	stop()
	all.Wait()
	require.Zero(t, notReady.Load())
	require.LessOrEqual(t, stopWatching(), nodeConnections)
}
