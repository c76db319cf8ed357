package conformance_test

import (
	"cmp"
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

// world is what the cases meet: servers of several configurations under one address, and the control endpoint.
type world struct {
	url string
	mux *http.ServeMux
	log *serverLog

	mu       sync.Mutex
	peers    map[string]*peer      // by connection id, for as long as the test runs
	arrived  chan struct{}         // closed when peers grows
	requests map[string][]request  // by case
	revoked  map[string]bool       // tokens that are good no more
	gates    map[string]*gate      // by the key that Hold is given
	proxies  map[string]*proxy     // by address
	own      map[string]*ownServer // by path
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
		own:      map[string]*ownServer{},
	}
	w.mux = http.NewServeMux()
	w.mux.HandleFunc("POST /control/{op}", w.control)
	server := httptest.NewServer(w.observe(w.mux))
	t.Cleanup(server.Close)
	w.url = server.URL
	for path, configure := range configurations {
		s, err := w.serve(path, configure)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("shutting down /%s: %v", path, err)
			}
		})
	}
	t.Cleanup(w.shutDownAll)
	t.Cleanup(w.closeProxies)
	return w
}

// serve makes a server with a hub at path; somebody has to run it.
func (w *world) serve(path string, configure func(*signalr.Config)) (*signalr.Server, error) {
	cfg := signalr.Config{
		MaximumMessageSize:    largestMessage,
		InvocationRate:        signalr.NoLimit,
		NegotiationRate:       signalr.NoLimit,
		MaxConnectionsPerUser: signalr.NoLimit,
		Authenticate:          w.authenticate,
		Logger:                slog.New(w.log),
	}
	if configure != nil {
		configure(&cfg)
	}
	s, err := signalr.New(cfg)
	if err != nil {
		return nil, err
	}
	handler := s.Handler(w.newHub(path))
	w.mux.Handle("/"+path, handler)
	w.mux.Handle("/"+path+"/negotiate", handler)
	return s, nil
}

// visitor is the user of a connection, and the request that it came with.
type visitor struct {
	name   string
	header http.Header
	query  url.Values
}

func (v *visitor) ID() string         { return v.name }
func (*visitor) ExpiresAt() time.Time { return time.Time{} }

// authenticate lets everyone in, as whom the query says, but to "/guarded" only those who bring a token "good-…" that was not revoked.
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
