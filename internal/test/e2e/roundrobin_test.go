package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/balancer"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

var transports = []string{"WebSockets", "ServerSentEvents", "LongPolling"}

// crowd is clients of every transport that follow one order, with nodes behind a balancer that sends each request to
// the next node.
type crowd struct {
	nodes   []*server
	url     string
	d       *driver
	p       producer
	order   order
	clients []*client
	events  []delivery // the published events
}

// gather starts nodes, and in front of them the balancer that balances returns.
func gather(t *testing.T, nodes int, balances func(*testing.T, ...*server) string, env ...string) *crowd {
	t.Helper()
	dsn := pgtest.New(t).DSN()
	g := &crowd{d: drive(t), p: produce(t, dsn), order: newOrder()}
	for range nodes {
		g.nodes = append(g.nodes, serve(t, dsn, append([]string{"HERALD_TRUSTED_PROXIES=127.0.0.1"}, env...)...))
	}
	g.url = balances(t, g.nodes...)
	g.publish(t)
	return g
}

// byTurns is a balancer in Go.
func byTurns(t *testing.T, nodes ...*server) string {
	t.Helper()
	b, err := balancer.New(func() []string { return addressesOf(nodes...) })
	require.NoError(t, err)
	t.Cleanup(func() {
		b.Close()
		for _, node := range addressesOf(nodes...) {
			t.Logf("%s has had %d requests", node, b.Taken()[node])
		}
	})
	return b.URL
}

// byNginx is nginx with the shipped file.
func byNginx(t *testing.T, nodes ...*server) string {
	t.Helper()
	return startNginx(t, rendering{nodes: addressesOf(nodes...)}).url
}

func (g *crowd) publish(t *testing.T) {
	t.Helper()
	id := g.order.changed(t, g.p, "Preparing")
	g.events = append(g.events, delivery{id, int64(len(g.events) + 1)})
}

// come lets clients of each transport connect, one after the other and each at its first attempt.
func (g *crowd) come(t *testing.T, each int) {
	t.Helper()
	came := map[string]int{}
	for range each {
		for _, transport := range transports {
			token := mint(t, auth.Grant{Subject: g.order.customer})
			c, a := g.d.open(t, g.url+customerHub, options{
				Tokens: []string{token}, Reconnect: true, Transport: transport,
				Follow: &follow{Method: "ResumeOrder", Args: []any{g.order.id}, From: &uuid.UUID{}},
			})
			if a.Error != "" {
				t.Errorf("%s: %s", transport, a.Error)
				continue
			}
			came[transport]++
			g.clients = append(g.clients, c)
		}
	}
	t.Logf("%v of %d each came up", came, each)
	require.Len(t, g.clients, each*len(transports))
}

// haveAll returns when every client has each event, and requires that each came once and in order.
func (g *crowd) haveAll(t *testing.T) {
	t.Helper()
	for i, c := range g.clients {
		all := c.awaitAll(
			t, fmt.Sprintf("all events for client %d", i),
			func(all []arrival) bool { return len(deliveries(all)) >= len(g.events) },
		)
		require.Equal(t, g.events, deliveries(all), "client %d", i)
	}
}

// reconnects is how often each client had to connect again.
func (g *crowd) reconnects() (each []int) {
	for _, c := range g.clients {
		all, _ := c.all()
		n := 0
		for _, a := range all {
			if a.State == "reconnecting" || a.State == "closed" {
				n++
			}
		}
		each = append(each, n)
	}
	return each
}

// connectionsOf is the number of the node's connections.
func connectionsOf(t *testing.T, node *server) (n int) {
	t.Helper()
	const name = "\nherald_connections{hub=\"customer-orders\"} "
	_, answer := request(t, http.MethodGet, node.url+"/metrics", "", "")
	_, value, found := strings.Cut(answer.body, name)
	require.True(t, found)
	_, err := fmt.Sscan(value, &n)
	require.NoError(t, err)
	return n
}

// TestEveryTransportComesUpBehindRoundRobin: of 18 clients behind nginx's default, 6 of each transport, 18 connect;
// without sticky sessions none did. They invoke, stay connected, and receive every event once.
//
// Acceptance: A-487.
func TestEveryTransportComesUpBehindRoundRobin(t *testing.T) {
	t.Parallel()
	for name, balances := range map[string]func(*testing.T, ...*server) string{"nginx": byNginx, "balancer": byTurns} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := gather(t, 3, balances)
			g.come(t, 6)
			for range 5 {
				g.publish(t)
			}
			g.haveAll(t)
			for _, c := range g.clients {
				require.Equal(
					t, "null", c.call(t, "SubscribeToOrder", g.order.id), "a call of each, whatever node its request meets",
				)
			}
			g.publish(t)
			g.haveAll(t)
			for i, n := range g.reconnects() {
				require.Zero(t, n, "client %d", i)
			}
		})
	}
}

// TestANodeThatIsKilledCostsOneReconnect: half of the clients are connected to it. Each of them, and each client
// whose requests went through it, connects again at most once, and resumes. Events are published all the time; none
// is missed or comes twice.
//
// Acceptance: A-488.
func TestANodeThatIsKilledCostsOneReconnect(t *testing.T) {
	t.Parallel()
	g := gather(t, 2, byTurns)
	g.come(t, 4)
	g.haveAll(t)
	owned := connectionsOf(t, g.nodes[0])
	require.Positive(t, owned)
	const before, behind = 20, 40
	for i := range before + behind {
		if i == before {
			require.NoError(t, g.nodes[0].cmd.Process.Kill())
		}
		g.publish(t)
	}
	g.haveAll(t)
	again := 0
	for i, n := range g.reconnects() {
		require.LessOrEqual(t, n, 1, "client %d", i)
		again += n
	}
	t.Logf(
		"%v of %d clients lived on the node that was killed; %d connected again, once each", owned, len(g.clients), again,
	)
	require.GreaterOrEqual(t, again, owned)
}
