package conformance_test

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
	"github.com/yummyzoom/herald/internal/test/balancer"
)

// world is the cases' environment: servers of several configurations under one address, and the control endpoint.
// There may be several nodes of each server. The address is then a balancer's, which sends each request to the next
// node.
type world struct {
	url     string
	nodes   []*node
	between *http.Transport // from node to node
	log     *serverLog

	mu       sync.Mutex
	peers    map[string]*peer      // by connection id, for as long as the test runs
	arrived  chan struct{}         // closed when peers grows
	requests map[string][]request  // by case
	revoked  map[string]bool       // tokens that are no longer valid
	gates    map[string]*gate      // by the key that Hold is given
	proxies  map[string]*proxy     // by address
	own      map[string]*ownServer // by path
}

// node stands for a process: a handler that listens on an address of its own.
type node struct {
	name    string
	address string
	mux     *http.ServeMux
}

// newWorld starts the servers, which end with the test.
func newWorld(t *testing.T, nodes int) *world {
	t.Helper()
	w := &world{
		log:      &serverLog{lines: map[string][]string{}},
		peers:    map[string]*peer{},
		arrived:  make(chan struct{}),
		requests: map[string][]request{},
		revoked:  map[string]bool{},
		gates:    map[string]*gate{},
		proxies:  map[string]*proxy{},
		own:      map[string]*ownServer{},
		between:  &http.Transport{},
	}
	t.Cleanup(w.between.CloseIdleConnections)
	for i := range nodes {
		n := &node{name: fmt.Sprintf("node-%d", i), mux: http.NewServeMux()}
		n.mux.HandleFunc("POST /control/{op}", w.control)
		server := httptest.NewServer(entrance(n.mux, w.observe(n.mux)))
		t.Cleanup(server.Close)
		n.address, w.url = strings.TrimPrefix(server.URL, "http://"), server.URL
		w.nodes = append(w.nodes, n)
	}
	if nodes > 1 {
		w.balance(t)
	}
	for path, configure := range configurations {
		running, err := w.run(path, configure)
		require.NoError(t, err)
		t.Cleanup(func() {
			if err := running.stop(); err != nil {
				t.Errorf("shutting down /%s: %v", path, err)
			}
		})
	}
	t.Cleanup(w.shutDownAll)
	t.Cleanup(w.closeProxies)
	return w
}

// balance puts a balancer without affinity in front of the nodes.
func (w *world) balance(t *testing.T) {
	t.Helper()
	b, err := balancer.New(func() (all []string) {
		for _, n := range w.nodes {
			all = append(all, n.address)
		}
		return all
	})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	w.url = b.URL
}

// serve makes a server with a hub at path on each node; the caller must run them.
func (w *world) serve(path string, configure func(*signalr.Config)) (all []*signalr.Server, err error) {
	for _, n := range w.nodes {
		cfg := signalr.Config{Settings: signalr.DefaultSettings(), Authenticate: w.authenticate, Logger: slog.New(w.log)}
		cfg.MaximumMessageSize = largestMessage
		cfg.InvocationRate, cfg.NegotiationRate, cfg.MaxConnectionsPerUser = 0, 0, 0
		if configure != nil {
			configure(&cfg)
		}
		if len(w.nodes) > 1 {
			w.join(&cfg, n)
		}
		s, err := signalr.New(cfg)
		if err != nil {
			return nil, err
		}
		handler := s.Handler(w.newHub(path))
		n.mux.Handle("/"+path, handler)
		n.mux.Handle("/"+path+"/negotiate", handler)
		all = append(all, s)
	}
	return all, nil
}

// visitor is the user of a connection, and the request that it came with.
type visitor struct {
	name   string
	header http.Header
	query  url.Values
}

func (v *visitor) ID() string         { return v.name }
func (*visitor) ExpiresAt() time.Time { return time.Time{} }

// authenticate lets every client in, as the user that the query names. At "/guarded" it lets in only those with a
// token "good-…" that was not revoked.
func (w *world) authenticate(r *http.Request) (signalr.User, error) {
	query := r.URL.Query()
	v := &visitor{name: cmp.Or(query.Get("who"), "anonymous"), header: r.Header.Clone(), query: query}
	if !strings.HasPrefix(r.URL.Path, "/guarded") {
		return v, nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = v.query.Get("access_token")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case strings.HasPrefix(token, "banned"):
		return nil, signalr.ErrForbidden
	case !strings.HasPrefix(token, "good") || w.revoked[token]:
		return nil, errors.New("no good token")
	}
	v.name = "known"
	return v, nil
}

// request is what a case may ask about a request that it has made.
type request struct {
	Method        string `json:"method"`
	Path          string `json:"path"`
	Upgrade       bool   `json:"upgrade"`
	Accept        string `json:"accept"`
	Authorization string `json:"authorization"`
	AccessToken   string `json:"accessToken"`
	ID            string `json:"id"`
}

// observe notes the requests of a case, which carry its name in the query, and sets cookies as the functional tests
// of ASP.NET Core do.
func (w *world) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if name := query.Get("case"); name != "" {
			w.mu.Lock()
			w.requests[name] = append(w.requests[name], request{
				Method: r.Method, Path: r.URL.Path, Upgrade: r.Header.Get("Upgrade") != "", Accept: r.Header.Get("Accept"),
				Authorization: r.Header.Get("Authorization"), AccessToken: query.Get("access_token"), ID: query.Get("id"),
			})
			w.mu.Unlock()
		}
		if strings.HasSuffix(r.URL.Path, "/negotiate") {
			http.SetCookie(rw, &http.Cookie{Name: "testCookie", Value: "testValue", Path: "/"})
			http.SetCookie(rw, &http.Cookie{Name: "testCookie2", Value: "testValue2", Path: "/"})
			http.SetCookie(rw, &http.Cookie{
				Name: "expiredCookie", Value: "doesntmatter", Path: "/", Expires: time.Now().Add(-time.Hour),
			})
		}
		next.ServeHTTP(rw, r)
	})
}
