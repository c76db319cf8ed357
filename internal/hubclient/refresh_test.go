package hubclient_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
)

// lasting matches a token's lifetime in an answer.
var lasting = regexp.MustCompile(`"tokenLifetimeSeconds":\d+}`)

// front is a proxy before Herald that says that tokens last for a second. It answers refreshes itself if told to.
type front struct {
	url       string
	refreshes atomic.Int64
	answer    atomic.Int64 // the status; 0: Herald's
	asked     chan struct{}
}

func newFront(t *testing.T, h *herald) *front {
	t.Helper()
	f := &front{asked: make(chan struct{}, 100)}
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: h.address})
	to.ModifyResponse = func(r *http.Response) error {
		if r.StatusCode != http.StatusOK {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		body = lasting.ReplaceAll(body, []byte(`"tokenLifetimeSeconds":1}`))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return err
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/refresh") {
			f.refreshes.Add(1)
			f.asked <- struct{}{}
			if status := f.answer.Load(); status != 0 {
				w.WriteHeader(int(status))
				return
			}
		}
		to.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

// tokens returns a Token function whose tokens all differ.
func tokens(ttl time.Duration) func(context.Context) (string, error) {
	var n atomic.Int64
	return func(context.Context) (string, error) {
		id := strings.Repeat("x", int(n.Add(1)))
		return auth.Mint(secret, auth.Grant{Subject: "u", Roles: []string{"Admin"}, Permissions: []string{id}, TTL: ttl})
	}
}

// A follower outlives many tokens on one connection: by the request, and by the method on a server that does not
// know the request.
//
// Acceptance: A-501.
func TestFollowIsKeptFresh(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer, times int64
		ttl           time.Duration
	}{
		"by request":                           {0, 8, time.Hour},
		"by method":                            {http.StatusNotFound, 3, 4 * time.Second},
		"by method, behind a proxy that fails": {http.StatusBadGateway, 3, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHerald(t)
			front := newFront(t, h)
			front.answer.Store(c.answer)
			cfg := h.config("u")
			cfg.URL, cfg.Token = front.url, tokens(c.ttl)
			g := anOrder()
			f := follow(t, cfg, hubclient.Subscription{Group: g})
			within(t, f.results, "OnResumed")
			for n := range c.times {
				within(t, front.asked, "a refresh")
				h.commit(g, event.OrderStatusChanged, 1)
				h.broadcast(t)
				f.expectNumber(t, n+1)
			}
			require.Empty(t, f.disconnected, "on one connection")
			require.Empty(t, f.results)
			require.Empty(t, f.ended)
		})
	}
}

// If no refresh succeeds the server closes the connection, and the follower comes back with a new token and misses
// no event.
func TestFollowThatCannotBeKeptFresh(t *testing.T) {
	t.Parallel()
	h := newHerald(t)
	front := newFront(t, h)
	front.answer.Store(http.StatusUnauthorized) // and the method is not tried
	cfg := h.config("u")
	cfg.URL, cfg.Token = front.url, tokens(4*time.Second)
	g := anOrder()
	f := follow(t, cfg, hubclient.Subscription{Group: g})
	within(t, f.results, "OnResumed")
	within(t, front.asked, "a refresh")
	h.commit(g, event.OrderStatusChanged, 1)
	h.broadcast(t)
	f.expectNumber(t, 1)
	within(t, f.results, "OnResumed, once more")
	h.commit(g, event.OrderStatusChanged, 1)
	h.broadcast(t)
	f.expectNumber(t, 2)
}

// A token that stays the same is not sent again.
func TestATokenThatDoesNotChangeIsNotRefreshed(t *testing.T) {
	t.Parallel()
	h := newHerald(t)
	front := newFront(t, h)
	token, err := tokens(4 * time.Second)(t.Context())
	require.NoError(t, err)
	cfg := h.config("u")
	cfg.URL = front.url
	asked := make(chan struct{}, 100)
	cfg.Token = func(context.Context) (string, error) { asked <- struct{}{}; return token, nil }
	c, err := hubclient.Connect(t.Context(), cfg, event.CustomerOrdersPath, nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	within(t, asked, "the connect's token")
	within(t, asked, "the refresh's token")
	within(t, c.Done(), "the end")
	require.Zero(t, front.refreshes.Load())
}
