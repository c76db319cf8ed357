package conformance_test

import (
	"context"
	"errors"
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
)

// largestMessage is what the servers take from a client: the cases send 100 KB, which MessagePack and JSON each make more.
const largestMessage = 256 << 10

// The servers "/brisk" and "/steady" ping often. What has to time out is on the first, what must not is on the second: a busy
// machine may keep a client from its pings for a second or two. The sweeper looks twice a second.
const (
	shortKeepAlive         = 500 * time.Millisecond
	briskClientTimeout     = 2 * time.Second
	steadyClientTimeout    = 5 * time.Second
	shortDisconnectTimeout = time.Second
	shortReconnectBytes    = 16 << 10
)

// world is what the cases meet: servers of several configurations under one address, and the control endpoint.
type world struct {
	url string
	log *serverLog

	mu       sync.Mutex
	peers    map[string]*peer           // by connection id, for as long as the test runs
	arrived  chan struct{}              // closed when peers grows
	requests map[string][]request       // by case
	revoked  map[string]bool            // tokens that are good no more
	gates    map[string]*gate           // by the key that Hold is given
	proxies  map[string]*proxy          // by address
	servers  map[string]*signalr.Server // by hub path
}

// newWorld starts the servers, which end with the test.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		log:      &serverLog{lines: map[string][]string{}},
		peers:    map[string]*peer{},
		arrived:  make(chan struct{}),
		requests: map[string][]request{},
		revoked:  map[string]bool{},
		gates:    map[string]*gate{},
		proxies:  map[string]*proxy{},
		servers:  map[string]*signalr.Server{},
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(w.observe(mux))
	t.Cleanup(server.Close)
	w.url = server.URL
	mux.HandleFunc("POST /control/{op}", w.control)
	w.serve(t, mux, func(*signalr.Config) {}, "default", "guarded", "unwelcoming", "unwelcoming-with-reason")
	w.serve(t, mux, func(c *signalr.Config) {
		c.KeepAliveInterval = shortKeepAlive
		c.ClientTimeout = briskClientTimeout
		c.DisconnectTimeout = shortDisconnectTimeout
	}, "brisk")
	w.serve(t, mux, func(c *signalr.Config) {
		c.KeepAliveInterval = shortKeepAlive
		c.ClientTimeout = steadyClientTimeout
		c.ReconnectBytes = shortReconnectBytes
	}, "steady")
	w.serve(t, mux, func(c *signalr.Config) { c.NoStatefulReconnect = true }, "stateless")
	t.Cleanup(w.closeProxies)
	return w
}

// serve runs one server with a hub at each path.
func (w *world) serve(t *testing.T, mux *http.ServeMux, configure func(*signalr.Config), paths ...string) {
	t.Helper()
	cfg := signalr.Config{
		MaximumMessageSize: largestMessage,
		InvocationRate:     signalr.NoLimit,
		NegotiationRate:    signalr.NoLimit,
		Authenticate:       w.authenticate,
		Logger:             slog.New(w.log),
	}
	configure(&cfg)
	s, err := signalr.New(cfg)
	require.NoError(t, err)
	for _, path := range paths {
		handler := s.Handler(w.newHub(path))
		mux.Handle("/"+path, handler)
		mux.Handle("/"+path+"/negotiate", handler)
		w.servers[path] = s
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("shutting down /%s: %v", paths[0], err)
		}
	})
}

// visitor is the user of a connection, and the request that it came with.
type visitor struct {
	name   string
	header http.Header
	query  url.Values
}

func (v *visitor) ID() string         { return v.name }
func (*visitor) ExpiresAt() time.Time { return time.Time{} }

// authenticate lets everyone in, but to "/guarded" only those who bring a token "good-…" that was not revoked.
func (w *world) authenticate(r *http.Request) (signalr.User, error) {
	v := &visitor{name: "anonymous", header: r.Header.Clone(), query: r.URL.Query()}
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

// observe notes the requests of a case, which carry its name in the query, and gives cookies out as the functional tests of
// ASP.NET Core do.
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
			http.SetCookie(rw, &http.Cookie{Name: "expiredCookie", Value: "doesntmatter", Path: "/", Expires: time.Now().Add(-time.Hour)})
		}
		next.ServeHTTP(rw, r)
	})
}
