package signalr_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// sharedKeys are the nodes' common keys: the newest seals, and each that a node knows opens.
type sharedKeys struct {
	mu    sync.Mutex
	keys  [][32]byte
	finds int
}

func newSharedKeys() *sharedKeys { return &sharedKeys{keys: [][32]byte{{1}}} }

func (k *sharedKeys) Used() (id int32, secret [32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return int32(len(k.keys)) - 1, k.keys[len(k.keys)-1]
}

func (k *sharedKeys) Find(_ context.Context, id int32) (secret [32]byte, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.finds++
	if id < 0 || int(id) >= len(k.keys) {
		return [32]byte{}, false
	}
	return k.keys[id], true
}

func (k *sharedKeys) rotate() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = append(k.keys, [32]byte{byte(len(k.keys) + 1)})
}

// node is one of several servers.
type node struct {
	*signalr.Server

	name     string
	direct   *httptest.Server // where clients reach the node without a balancer
	entrance *httptest.Server // where the other nodes reach it
	gone     atomic.Bool
	handed   atomic.Int64 // requests that others have handed on to it
}

// nodes is a fixture with several servers of one hub. Its url is that of a balancer that gives each request to the
// next of them. Its server is the first, which negotiates where a test does so without the network.
type nodes struct {
	*fixture

	all []*node
	at  atomic.Int64
}

func setupNodes(t *testing.T, configure ...func(*signalr.Config)) *nodes {
	t.Helper()
	n := &nodes{}
	keys := newSharedKeys()
	for i := range 3 {
		name := "node-" + strconv.Itoa(i)
		all := append([]func(*signalr.Config){func(cfg *signalr.Config) {
			cfg.Node, cfg.Sealer, cfg.Forward, cfg.Others = name, signalr.NewSealer(keys), n.forward(t, i), n.others
		}}, configure...)
		if i == 0 {
			n.fixture = newFixture(t, all...)
			n.all = append(n.all, &node{Server: n.Server, name: name})
			continue
		}
		n.all = append(n.all, &node{Server: n.another(t, all...), name: name})
	}
	n.at.Store(1) // the first negotiates
	balancer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range n.all {
			if to := n.all[int(n.at.Add(1)-1)%len(n.all)]; !to.gone.Load() {
				to.Handler(n.hub).ServeHTTP(w, r)
				return
			}
		}
	}))
	t.Cleanup(balancer.Close)
	n.url = balancer.URL + "/hub"
	for _, each := range n.all {
		each.direct = httptest.NewServer(each.Handler(n.hub))
		t.Cleanup(each.direct.Close)
		each.entrance = httptest.NewServer(n.enter(each, each.Handler(n.hub)))
		t.Cleanup(each.entrance.Close)
		run(t, &fixture{Server: each.Server})
	}
	return n
}

// another returns one more server, which counts in the same metrics.
func (n *nodes) another(t *testing.T, configure ...func(*signalr.Config)) *signalr.Server {
	t.Helper()
	cfg := testConfig(n.observer)
	for _, c := range configure {
		c(&cfg)
	}
	server, err := signalr.New(cfg)
	require.NoError(t, err)
	return server
}

const (
	clientHeader = "X-Test-Client"
	// A header that is set before the server has a request must be in every answer, a WebSocket's included.
	proofHeader = "X-Test-Proof"
)

var errNoProof = errors.New("what answers may be no node")

func (n *nodes) others() (names []string) {
	for _, each := range n.all {
		names = append(names, each.name)
	}
	return names
}

// forward returns one node's way to the others, as package peers does for Herald.
func (n *nodes) forward(t *testing.T, from int) func(w http.ResponseWriter, r *http.Request, name string) error {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return func(w http.ResponseWriter, r *http.Request, name string) error {
		for _, to := range n.all {
			if to.name != name || to.gone.Load() {
				continue
			}
			target, err := url.Parse(to.entrance.URL)
			if err != nil {
				return fmt.Errorf("parsing: %w", err)
			}
			proxy := httputil.ReverseProxy{
				Transport: transport, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
			}
			proxy.Rewrite = func(p *httputil.ProxyRequest) {
				p.SetURL(target)
				p.Out.Host = p.In.Host
				p.Out.Header["X-Forwarded-For"] = []string{"192.0.2.99"} // whatever the client states
				p.Out.Header.Set(clientHeader, n.all[from].ClientAddress(p.In).String())
			}
			proxy.ModifyResponse = func(answer *http.Response) error {
				if answer.Header.Get(proofHeader) == "" {
					return errNoProof
				}
				for header := range answer.Header {
					w.Header().Del(header)
				}
				return nil
			}
			proxy.ServeHTTP(w, r)
			return nil
		}
		return fmt.Errorf("%s: %w", name, signalr.ErrNodeGone)
	}
}

func (n *nodes) enter(to *node, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to.handed.Add(1)
		w.Header().Set(proofHeader, to.name)
		r.RemoteAddr = r.Header.Get(clientHeader)
		next.ServeHTTP(w, r.WithContext(signalr.WithForwarded(r.Context())))
	})
}

// kill ends a node at once.
func (n *nodes) kill(t *testing.T, dead *node) {
	t.Helper()
	dead.gone.Store(true)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errKilled)
	require.ErrorIs(t, dead.Shutdown(ctx), errKilled)
	dead.entrance.CloseClientConnections()
}

var errKilled = errors.New("killed")

// of returns the fixture as the clients of one node see it.
func (n *nodes) of(i int) *fixture {
	only := *n.fixture
	only.Server, only.url = n.all[i].Server, n.all[i].direct.URL+"/hub"
	return &only
}

func (n *nodes) handed() (sum int64) {
	for _, each := range n.all {
		sum += each.handed.Load()
	}
	return sum
}

func (n *nodes) connections() (sum int) {
	for _, each := range n.all {
		sum += each.Connections("test")
	}
	return sum
}
