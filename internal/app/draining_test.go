package app_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// balancer forwards every request to the first node that readyz calls ready.
func (s *several) balancer() (address string) {
	s.t.Helper()
	to := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		for _, node := range s.urls {
			if status, _ := page(s.t, node+"/readyz"); status == http.StatusOK {
				target, err := url.Parse(node)
				require.NoError(s.t, err)
				r.SetURL(target)
				return
			}
		}
	}}
	server := httptest.NewServer(to)
	s.t.Cleanup(server.Close)
	return server.URL
}

// Acceptance.
func TestADrainedNodeLosesItsClientsAndNothingElse(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := startSeveral(t, db, 0)
	for range 3 {
		cfg, stop := startNode(t, db, func(c *app.Settings) { c.ShutdownSpread = 200 * time.Millisecond })
		s.urls, s.stops, s.bearer = append(s.urls, cfg.URL), append(s.stops, stop), bearer(t, cfg)
	}
	s.known()
	ids := s.ids()
	cfg := hubclient.Config{
		URL: s.balancer(), Token: s.token, Backoff: []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond},
	}
	followers := make([]*follower, 20)
	for i := range followers {
		followers[i] = follow(t, cfg, hubclient.Subscription{Group: event.Alerts, LastEventID: &uuid.UUID{}})
		within(t, followers[i].joined, "joining")
	}
	require.Len(t, s.connections(1, "limit=1000&node="+ids[0]).Connections, len(followers))

	s.alerts(10)
	var answer struct{ Message, Node string }
	s.ask(1, http.MethodPost, realtime+"nodes/"+ids[0]+"/drain", "", &answer)
	require.Equal(t, "Node is draining", answer.Message)
	require.Equal(t, ids[0], answer.Node)
	s.alerts(30) // while the clients leave
	status, text := page(t, s.urls[0]+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, text, "draining")
	status, _ = page(t, s.urls[0]+realtime+"health")
	require.Equal(t, http.StatusServiceUnavailable, status)
	status, _ = s.answer(0, http.MethodPost, "negotiateVersion=1", "")
	require.Equal(t, http.StatusServiceUnavailable, status, "it takes nobody in")
	for _, f := range followers {
		within(t, f.joined, "coming back elsewhere")
	}
	s.alerts(10)
	const count = int64(50)
	for _, f := range followers {
		for want := range count {
			require.Equal(t, want+1, within(t, f.received, "an event").Sequence)
		}
	}
	require.Eventually(t, func() bool {
		l := s.connections(2, "limit=1000")
		return len(l.Connections) == len(followers) && !strings.Contains(strings.Join(nodesOf(l), " "), ids[0])
	}, patience, 20*time.Millisecond)

	// The node still relays, and answers requests as any other.
	require.Eventually(t, func() bool {
		var position int64
		var draining, alive bool
		err := s.pool.QueryRow(t.Context(),
			`SELECT broadcast_position, draining, heartbeat_at > clock_timestamp() - interval '5 seconds'
			FROM herald.node WHERE node_id = $1`, ids[0]).Scan(&position, &draining, &alive)
		return err == nil && position >= count && draining && alive
	}, patience, 20*time.Millisecond)
	require.Len(t, s.connections(0, "limit=1000").Connections, len(followers), "it asks the others, too")
	require.Equal(t, []string{"draining", "ready", "ready"}, s.states(ids))

	s.ask(0, http.MethodPost, realtime+"nodes/"+ids[0]+"/drain", "", &answer)
	require.Equal(t, "Node is draining already", answer.Message)
	within(t, s.stops[0](), "the end of the drained node")
	s.urls, s.stops = s.urls[1:], s.stops[1:]
	for _, f := range followers {
		require.Empty(t, f.joined, "the rest is not disturbed")
		require.Empty(t, f.ended)
	}
}

// Acceptance: A-536.
func TestTheLastNodeIsDrainedByForceOnly(t *testing.T) {
	t.Parallel()
	s := startSeveral(t, pgtest.New(t), 2)
	s.known()
	ids := s.ids()
	drain := func(at int, body string) (int, string) {
		return s.rest(0, http.MethodPost, realtime+"nodes/"+ids[at]+"/drain", body)
	}
	// Of two drains at the same time, one node stays.
	type outcome struct{ status int }
	outcomes := make(chan outcome, len(ids))
	for at := range ids {
		go func() {
			status, _ := drain(at, "")
			outcomes <- outcome{status}
		}()
	}
	statuses := []int{within(t, outcomes, "an answer").status, within(t, outcomes, "an answer").status}
	require.ElementsMatch(t, []int{http.StatusOK, http.StatusConflict}, statuses)
	states := s.states(ids)
	require.ElementsMatch(t, []string{"draining", "ready"}, states)
	last := 0
	if states[0] == "draining" {
		last = 1
	}
	status, text := drain(last, `{"force":false}`)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, text, "Start another node first")
	status, _ = page(t, s.urls[last]+"/readyz")
	require.Equal(t, http.StatusOK, status, "nothing has changed")
	status, text = drain(last, `{"force":true}`)
	require.Equal(t, http.StatusOK, status, text)
	require.Equal(t, []string{"draining", "draining"}, s.states(ids))
}

func nodesOf(l listed) (nodes []string) {
	for _, c := range l.Connections {
		nodes = append(nodes, c.Node)
	}
	return nodes
}

func (s *several) states(ids []string) []string {
	s.t.Helper()
	var answer struct {
		Nodes []struct{ Node, State string }
	}
	s.ask(len(s.urls)-1, http.MethodGet, realtime+"nodes", "", &answer)
	states := make([]string, len(ids))
	for _, n := range answer.Nodes {
		for at, id := range ids {
			if n.Node == id {
				states[at] = n.State
			}
		}
	}
	return states
}

func (s *several) token(context.Context) (string, error) { return s.bearer, nil }

// alerts publishes a number of alerts, one after another.
func (s *several) alerts(count int64) {
	s.t.Helper()
	for range count {
		_, err := s.pool.Exec(s.t.Context(),
			`SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}')`)
		require.NoError(s.t, err)
	}
}
