package signalr_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// byToken lets every client in, as the user that the token names.
func byToken(cfg *signalr.Config) {
	cfg.Authenticate = func(r *http.Request) (signalr.User, error) {
		return user{id: r.URL.Query().Get("access_token")}, nil
	}
}

// behindProxy makes the tests' own address a proxy, so that X-Forwarded-For names the client.
func behindProxy(cfg *signalr.Config) {
	cfg.TrustedProxies = []string{"127.0.0.0/8"}
}

// attempt is a WebSocket that was let in, or the answer that refused it.
type attempt struct {
	conn       net.Conn
	status     int
	body       string
	retryAfter string
}

// try asks for a WebSocket as the user who, from address; either may be empty. Its socket is closed when the test
// ends.
func (f *fixture) try(t *testing.T, who, address string) attempt {
	t.Helper()
	host := strings.TrimSuffix(strings.TrimPrefix(f.url, "http://"), "/hub")
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", host)
	if err != nil {
		t.Error(err)
		return attempt{}
	}
	t.Cleanup(func() { _ = conn.Close() })
	request := "GET /hub?access_token=" + who + " HTTP/1.1\r\nHost: " + host +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: " + address +
		"\r\n\r\n"
	if _, err = io.WriteString(conn, request); err != nil {
		t.Error(err)
		return attempt{}
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Error(err)
		return attempt{}
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return attempt{conn: conn, status: response.StatusCode}
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	return attempt{status: response.StatusCode, body: string(body), retryAfter: response.Header.Get("Retry-After")}
}

// race tries count times at once and returns the attempts that were let in and one of the refused.
func race(count int, try func() attempt) (in []attempt, refused attempt) {
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for range count {
		all.Go(func() {
			<-start
			a := try()
			mu.Lock()
			defer mu.Unlock()
			if a.conn != nil {
				in = append(in, a)
			} else {
				refused = a
			}
		})
	}
	close(start)
	all.Wait()
	return in, refused
}

// Acceptance: A-160.
func TestConnectionLimitsAreExactUnderARace(t *testing.T) {
	t.Parallel()
	const limit, racing = 7, 200
	for name, c := range map[string]struct {
		configure    func(*signalr.Config)
		status       int
		text         string
		reason       signalr.Refusal
		who, address string // a client that is let in nevertheless
	}{
		"per server": {
			func(cfg *signalr.Config) { cfg.MaxConnections = limit },
			http.StatusServiceUnavailable, "The server has as many connections as it takes", signalr.ServerFull, "", "",
		},
		"per user": {
			func(cfg *signalr.Config) { cfg.MaxConnectionsPerUser = limit },
			http.StatusTooManyRequests, "This user has too many connections", signalr.UserFull, "another", "192.0.2.1",
		},
		"per address": {
			func(cfg *signalr.Config) { cfg.MaxConnectionsPerAddress = limit },
			http.StatusTooManyRequests, "There are too many connections from this address", signalr.AddressFull, "somebody",
			"192.0.2.2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, byToken, behindProxy, c.configure)
			somebody := func() attempt { return f.try(t, "somebody", "192.0.2.1") }
			in, refused := race(racing, somebody)
			require.Len(t, in, limit)
			require.Equal(t, attempt{status: c.status, body: c.text, retryAfter: "10"}, refused)
			require.Equal(t, racing-limit, f.observer.refusals(c.reason))

			negotiation := f.request(t, http.MethodPost, "/hub/negotiate?access_token=somebody", "X-Forwarded-For", "192.0.2.1")
			require.Equal(t, c.status, negotiation.status, "the answer comes with the negotiation already")
			require.Equal(t, c.text, negotiation.body)
			require.Equal(t, "10", negotiation.header.Get("Retry-After"))
			if c.who != "" {
				require.Equal(t, http.StatusSwitchingProtocols, f.try(t, c.who, c.address).status)
			}

			for _, gone := range in[:3] {
				require.NoError(t, gone.conn.Close())
			}
			left := limit - 3
			require.Eventually(t, func() bool { // as many come in as have gone, and not one more
				in, _ := race(racing/10, somebody)
				left += len(in)
				return left >= limit
			}, patience, patience/1000)
			require.Equal(t, limit, left)
		})
	}
}

func TestNoLimit(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.MaxConnections = 0 })
	in, _ := race(150, func() attempt { return f.try(t, "user", "") })
	require.Len(t, in, 150)
}

func TestEveryWayOutGivesTheSeatBack(t *testing.T) {
	t.Parallel()
	const limit = 2
	for name, leave := range map[string]func(*testing.T, *fixture){
		"the upgrade fails": func(t *testing.T, f *fixture) {
			t.Helper()
			a := f.request(t, http.MethodGet, "/hub?access_token=user", "Connection", "Upgrade", "Upgrade", "websocket",
				"Sec-WebSocket-Version", "12")
			require.Equal(t, http.StatusBadRequest, a.status)
		},
		"the upgrade of a negotiated connection fails": func(t *testing.T, f *fixture) {
			t.Helper()
			token := f.negotiate(t, "&negotiateVersion=1")["connectionToken"].(string)
			a := f.request(t, http.MethodGet, "/hub?access_token=user&id="+token, "Connection", "Upgrade", "Upgrade",
				"websocket")
			require.Equal(t, http.StatusBadRequest, a.status)
		},
		"the token is unknown": func(t *testing.T, f *fixture) {
			t.Helper()
			a := f.request(t, http.MethodGet, "/hub?access_token=user&id=x", "Connection", "Upgrade", "Upgrade", "websocket")
			require.Equal(t, http.StatusNotFound, a.status)
		},
		"the token is in use, and then spent": func(t *testing.T, f *fixture) {
			t.Helper()
			path := "/hub?access_token=user&id=" + f.negotiate(t, "&negotiateVersion=1")["connectionToken"].(string)
			c := dialURL(t, ws.Dialer{}, strings.TrimSuffix(f.url, "/hub")+path)
			upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket"}
			require.Equal(t, http.StatusConflict, f.request(t, http.MethodGet, path, upgrade...).status)
			require.NoError(t, c.conn.Close())
			require.Eventually(t, func() bool {
				return f.request(t, http.MethodGet, path, upgrade...).status == http.StatusNotFound
			}, patience, patience/1000)
		},
		"the handshake fails": func(t *testing.T, f *fixture) {
			t.Helper()
			c := f.dial(t)
			c.send(`{"protocol":"telepathy","version":1}`)
			c.expect(`{"error":"The protocol 'telepathy' is not supported."}`)
			c.expectClose(ws.StatusNormalClosure)
		},
		"the socket is cut before the handshake": func(t *testing.T, f *fixture) {
			t.Helper()
			require.NoError(t, f.dial(t).conn.Close())
		},
		"the client says goodbye": func(t *testing.T, f *fixture) {
			t.Helper()
			c, _ := f.connect(t)
			c.send(`{"type":7}`)
			c.expect(`{"type":7}`)
			c.expectClose(ws.StatusNormalClosure)
		},
		"the client is cut off": func(t *testing.T, f *fixture) {
			t.Helper()
			c, _ := f.connect(t)
			require.NoError(t, c.conn.Close())
		},
		"the client talks nonsense": func(t *testing.T, f *fixture) {
			t.Helper()
			c, _ := f.connect(t)
			c.send("nonsense")
			c.expect(closedWithError)
			c.expectClose(ws.StatusNormalClosure)
		},
		"the server closes": func(t *testing.T, f *fixture) {
			t.Helper()
			c, conn := f.connect(t)
			conn.Close("", false)
			c.expect(`{"type":7}`)
			c.expectClose(ws.StatusNormalClosure)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, func(cfg *signalr.Config) { cfg.MaxConnections = limit })
			for range 2 * limit { // more often than there are seats
				require.Eventually(t, func() bool { // a seat is freed a moment after its client has seen the end
					return f.request(t, http.MethodPost, "/hub/negotiate?access_token=user").status == http.StatusOK
				}, patience, patience/1000)
				leave(t, f)
			}
			var in []attempt
			require.Eventually(t, func() bool {
				some, _ := race(20, func() attempt { return f.try(t, "user", "") })
				in = append(in, some...)
				return len(in) >= limit
			}, patience, patience/1000)
			require.Len(t, in, limit, "a seat was given back twice")
		})
	}
}

func TestSeatsAreGivenBackOnShutdown(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(cfg *signalr.Config) { cfg.MaxConnections = 1 })
	serve(t, f, f.handler())
	f.connect(t)
	full := f.try(t, "user", "")
	require.Equal(t, http.StatusServiceUnavailable, full.status)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 1, errors.New("at once"))
	defer cancel()
	require.Error(t, f.Shutdown(ctx))
	stopping := f.try(t, "user", "")
	require.Equal(t, attempt{status: http.StatusServiceUnavailable, body: "The server is shutting down", retryAfter: "1"},
		stopping)
	require.Equal(t, 1, f.observer.refusals(signalr.ServerStopping))
}

// A site with IPv6 has 2^64 addresses: they count as one.
func TestAddressesOfOneSiteAreOne(t *testing.T) {
	t.Parallel()
	f := setup(t, byToken, behindProxy, func(cfg *signalr.Config) { cfg.MaxConnectionsPerAddress = 1 })
	for _, c := range []struct {
		address string
		status  int
	}{
		{"2001:db8:0:1::1", http.StatusSwitchingProtocols},
		{"2001:db8:0:1:ffff::2", http.StatusTooManyRequests},
		{"2001:db8:0:2::1", http.StatusSwitchingProtocols},
		{"192.0.2.1", http.StatusSwitchingProtocols},
		{"192.0.2.2", http.StatusSwitchingProtocols},
		{"::ffff:192.0.2.2", http.StatusTooManyRequests},
	} {
		require.Equal(t, c.status, f.try(t, "user", c.address).status, c.address)
	}
}

// An unauthenticated client takes no seat, and learns nothing of the limits.
func TestLimitsAreBehindAuthentication(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.MaxConnections = 1 })
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, f.try(t, "nobody", "").status)
		require.Equal(t, http.StatusForbidden, f.try(t, "banned", "").status)
	}
	f.connect(t)
	require.Equal(t, http.StatusUnauthorized, f.try(t, "nobody", "").status)
	require.Equal(t, 4, f.observer.refusals(signalr.NotAuthenticated))
	require.Equal(t, 3, f.observer.refusals(signalr.NotPermitted))
}

// The log tells the operator once that a proxy seems to be missing from the trusted ones.
func TestAProxyThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		configure func(*signalr.Config)
		told      int
		address   string
	}{
		"not trusted": {func(*signalr.Config) {}, 1, "127.0.0.1"},
		"trusted":     {behindProxy, 0, "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer // the handler has a lock
			f := setup(t, c.configure, func(cfg *signalr.Config) {
				cfg.MaxConnectionsPerAddress = 1
				cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			})
			in := f.try(t, "user", "192.0.2.1")
			require.NoError(t, ws.WriteFrame(in.conn, ws.MaskFrame(ws.NewTextFrame([]byte(handshake)))))
			require.Equal(t, c.address, f.opened(t).RemoteAddr().String())
			for range 3 {
				require.Equal(t, http.StatusTooManyRequests, f.try(t, "user", "192.0.2.1").status)
			}
			require.Equal(t, c.told, strings.Count(log.String(), "is it missing from the trusted proxies?"))
		})
	}
}
