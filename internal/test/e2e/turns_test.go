package e2e_test

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/balancer"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// inTurns starts a balancer that sends each request to the next node, whichever client sent it.
func inTurns(t *testing.T, authorities *x509.CertPool, nodes ...*server) *balancer.Balancer {
	t.Helper()
	start := balancer.New
	var addresses []string
	for _, node := range nodes {
		scheme, address, _ := strings.Cut(node.url, "://")
		if scheme == "https" {
			start = func(addresses func() []string) (*balancer.Balancer, error) {
				return balancer.NewTLS(authorities, addresses)
			}
		}
		addresses = append(addresses, address)
	}
	b, err := start(func() []string { return addresses })
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// requests returns how many requests have passed through b.
func requests(b *balancer.Balancer) (all int) {
	for _, taken := range b.Taken() {
		all += taken
	}
	return all
}

// metric adds up the values of a metric over nodes, for matching labels.
func metric(t *testing.T, authorities *x509.CertPool, pattern string, nodes ...*server) (sum float64) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}}
	defer client.CloseIdleConnections()
	for _, node := range nodes {
		_, text := ask(t, client, http.MethodGet, cmp.Or(node.ops, node.url)+"/metrics", "", "")
		for _, found := range regexp.MustCompile(`(?m)^`+pattern+` (\S+)$`).FindAllStringSubmatch(text, -1) {
			value, err := strconv.ParseFloat(found[1], 64)
			require.NoError(t, err)
			sum += value
		}
	}
	return sum
}

// TestEveryRequestMayComeToAnotherNode: three nodes behind a balancer that sends each request to the next one, with
// the published client.
//
// Acceptance.
func TestEveryRequestMayComeToAnotherNode(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"plain", "TLS with an authority of their own", "TLS, and plain among the nodes"} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.New(t).DSN()
			certFile, keyFile, authorities := certificate(t)
			var nodes []*server
			for range 3 {
				env := []string{"HERALD_TRUSTED_PROXIES=127.0.0.1", "HERALD_LISTEN=" + freeAddress(t)}
				if variant != "plain" {
					env = append(
						env, "HERALD_TLS_CERT_FILE="+certFile, "HERALD_TLS_KEY_FILE="+keyFile, "HERALD_NODE_CA_FILE="+certFile,
					)
				}
				if strings.Contains(variant, "among") {
					env = append(env, "HERALD_NODE_LISTEN="+freeAddress(t), "HERALD_NODE_PLAIN=true")
				}
				ops := freeAddress(t)
				s := &server{env: settings(dsn, env...)}
				if variant != "plain" {
					s.ops, s.env = "http://"+ops, append(s.env, "HERALD_OPS_LISTEN="+ops)
				}
				s.start(t)
				if variant != "plain" {
					s.url = strings.Replace(s.url, "http://", "https://", 1)
				}
				nodes = append(nodes, s)
			}
			b := inTurns(t, authorities, nodes...)
			p, d := produce(t, dsn), drive(t)
			o := newOrder()
			token := mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}})
			clients := map[string]*client{}
			for name, with := range map[string]options{
				"WebSockets": {}, "ServerSentEvents": {Transport: "ServerSentEvents"}, "LongPolling": {Transport: "LongPolling"},
				"stateful": {Stateful: true},
			} {
				with.Tokens = []string{token}
				c, a := d.open(t, b.URL+customerHub, with)
				require.Empty(t, a.Error, name)
				c.call(t, "SubscribeToOrder", o.id)
				clients[name] = c
			}
			for range 5 {
				id := o.changed(t, p, "Preparing")
				for name, c := range clients {
					require.Contains(t, string(c.next(t).Args[0]), id.String(), name)
				}
			}
			for name, c := range clients {
				for range 3 { // each POST reaches another node
					c.call(t, "SubscribeToOrder", o.id)
				}
				all, _ := c.all()
				for _, a := range all {
					require.NotContains(t, []string{"reconnecting", "closed"}, a.State, name)
				}
			}
			require.Positive(t, metric(t, authorities, `herald_forwarded_requests_total\{outcome="answered"\}`, nodes...))
			require.Zero(t, metric(t, authorities, `herald_forwarded_requests_total\{outcome="(?:gone|failed|broken|limit)"\}`,
				nodes...))
			require.Zero(t, metric(t, authorities, `herald_node_requests_refused_total\{.*\}`, nodes...))

			// A WebSocket is cut. It comes back to another node than before, and to the same connection.
			plain := clients["stateful"]
			for name, c := range clients {
				if name != "stateful" {
					c.stop(t)
				}
			}
			before := requests(b)
			b.Cut()
			id := o.changed(t, p, "Ready")
			require.Contains(t, string(plain.next(t).Args[0]), id.String())
			plain.call(t, "SubscribeToOrder", o.id)
			require.Greater(t, requests(b), before, "the WebSocket was cut")
			all, _ := plain.all()
			for _, a := range all {
				require.NotContains(t, []string{"reconnecting", "closed"}, a.State)
			}
		})
	}
}
