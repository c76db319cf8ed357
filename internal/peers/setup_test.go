package peers_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/peers"
	"github.com/yummyzoom/herald/internal/test/counted"
)

const (
	patience = 30 * time.Second
	glance   = 10 * time.Millisecond
)

var errGone = errors.New("gone")

// secrets are the keys of a database.
type secrets map[int32][]byte

func (s secrets) Newest() (id int32, secret []byte, ok bool) { secret, ok = s[1]; return 1, secret, ok }

func (s secrets) Find(_ context.Context, id int32) (secret []byte, ok bool) {
	secret, ok = s[id]
	return secret, ok
}

func shared(database string) secrets {
	key := sha256.Sum256([]byte(database))
	return secrets{1: key[:]}
}

type forwardedKey struct{}

// node is a node with its sockets: hub answers its own requests; requests under /to/{node} are forwarded.
type node struct {
	*peers.Peers
	id     uuid.UUID
	server *httptest.Server
	hub    http.HandlerFunc
	counts counts
	clock  func() time.Time
}

func (n *node) peer() peers.Peer {
	return peers.Peer{Node: n.id, Host: "host-" + n.id.String()[:4], URL: n.server.URL, Alive: true}
}

// counts are a node's counters.
type counts struct{ *prometheus.Registry }

// of is how many requests had that outcome, or were refused for that reason.
func (c counts) of(what string) int {
	return counted.Of(c, "forwarded_requests_total", what) + counted.Of(c, "node_requests_refused_total", what)
}

// start starts a node of the database. It is stopped when the test ends.
func start(tb testing.TB, database string, configure ...func(*peers.Config)) *node {
	tb.Helper()
	return startAs(tb, database, (*httptest.Server).Start, configure...)
}

// startAs is start of a node whose server is started by serve.
func startAs(tb testing.TB, database string, serve func(*httptest.Server), configure ...func(*peers.Config)) *node {
	tb.Helper()
	n := &node{id: uuid.New(), hub: http.NotFound, clock: time.Now, counts: counts{prometheus.NewRegistry()}}
	cfg := peers.Config{
		Node: n.id, Keys: shared(database), Now: func() time.Time { return n.clock() }, Gone: errGone,
		WriteTimeout: 30 * time.Second, Metrics: peers.NewMetrics(n.counts),
		Client:    func(r *http.Request) (netip.Addr, bool) { return netip.MustParseAddrPort(r.RemoteAddr).Addr(), false },
		Forwarded: func(ctx context.Context) context.Context { return context.WithValue(ctx, forwardedKey{}, true) },
		Logger:    slog.New(slog.DiscardHandler),
	}
	for _, f := range configure {
		f(&cfg)
	}
	var err error
	n.Peers, err = peers.New(cfg)
	require.NoError(tb, err)
	entrance := n.Entrance(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.hub(w, r) }))
	n.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peers.IsEntrance(r) {
			entrance.ServeHTTP(w, r)
			return
		}
		rest, found := strings.CutPrefix(r.URL.Path, "/to/")
		if !found {
			n.hub(w, r)
			return
		}
		owner, path, _ := strings.Cut(rest, "/")
		r.URL.Path, r.URL.RawPath = "/"+path, ""
		w.Header().Set("Vary", "Origin")
		if err := n.Forward(w, r, owner); err != nil { //nolint:contextcheck // the request's is used
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, err.Error())
		}
	}))
	n.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	serve(n.server)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), patience)
		defer cancel()
		n.Shutdown(ctx, 0)
		n.server.Close()
	})
	return n
}

// acquainted tells each node of the others.
func acquainted(nodes ...*node) {
	var all []peers.Peer
	for _, n := range nodes {
		all = append(all, n.peer())
	}
	for _, n := range nodes {
		n.Learn(all)
	}
}

// ask sends a request to n for a connection that owner holds.
func (n *node) ask(
	t *testing.T, method string, owner *node, path string, body io.Reader, headers ...string,
) *http.Response {
	t.Helper()
	return send(t, n.request(t, method, owner, path, body, headers...))
}

// said is the body of the answer to a request for the hub x.
func (n *node) said(t *testing.T, method string, owner *node, body io.Reader) string {
	t.Helper()
	return text(t, n.ask(t, method, owner, "/hubs/x", body))
}

func (n *node) request(
	t *testing.T, method string, owner *node, path string, body io.Reader, headers ...string,
) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, n.server.URL+"/to/"+owner.id.String()+path, body)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func send(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func text(t *testing.T, answer *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(b)
}

// untilTrue polls until the condition holds: on a busy machine a near node can take longer than nodes wait for each
// other.
func untilTrue(t *testing.T, yes func() bool, what ...any) {
	t.Helper()
	for deadline := time.Now().Add(patience); !yes(); {
		require.True(t, time.Now().Before(deadline), what...)
	}
}

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// refreshOf is a register with one node, which signals when it is read.
func refreshOf(reads chan<- struct{}, n *node) func(context.Context) ([]peers.Peer, error) {
	return func(context.Context) ([]peers.Peer, error) {
		reads <- struct{}{}
		return []peers.Peer{n.peer()}, nil
	}
}
