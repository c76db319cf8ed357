package hostile_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// hold opens sockets to a node and sends nothing, or the beginning of a request, on each. It returns those that
// were let in as far as a client can tell.
func hold(t *testing.T, url string, count int, say string) []net.Conn {
	t.Helper()
	var dialer net.Dialer
	held := make([]net.Conn, 0, count)
	for range count {
		conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if errors.Is(err, syscall.ECONNRESET) {
			continue
		}
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, say)
		held = append(held, conn)
	}
	return held
}

// open counts the sockets that the server has not closed.
func open(held []net.Conn) (count int) {
	for _, conn := range held {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			count++
		}
	}
	return count
}

// Sockets that never show a token are held to the default limits, and keep no client out.
func TestSilentSocketsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]string{
		"silent":       "",
		"slow header":  "GET /hubs/admin HTTP/1.1\r\nHost: node\r\nX-Slow: ",
		"slow body":    "POST /hubs/admin/negotiate?negotiateVersion=1 HTTP/1.1\r\nHost: node\r\nContent-Length: 1000\r\n\r\n{",
		"a bad token":  "GET /hubs/admin HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer x\r\n\r\n",
		"a TLS client": "\x16\x03\x01\x02\x00\x01",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const perAddress = 100
			cfg := node(t, pgtest.New(t), nil)
			held := hold(t, cfg.URL, 3*perAddress, say)
			require.Eventually(t, func() bool { return open(held) <= perAddress }, patience, time.Millisecond)
			// New sockets get a place within a few seconds, because the oldest make room.
			require.Eventually(t, func() bool {
				conn, err := hubclient.Connect(t.Context(), cfg, "/hubs/admin", nil)
				if err != nil {
					return false
				}
				defer conn.Close()
				_, err = conn.Invoke(t.Context(), "SubscribeToAlerts")
				return err == nil
			}, patience, 100*time.Millisecond)
		})
	}
}

// Users' sockets do not count here, however many: other limits hold those.
func TestUsersOfOneAddressAreNotHeldToTheSocketsLimit(t *testing.T) {
	t.Parallel()
	cfg := node(t, pgtest.New(t), func(c *app.Config) { c.Server.MaxUnauthenticatedPerAddress = 2 })
	cfg.Token = func(context.Context) (string, error) { return token(t, "one of many"), nil }
	for range 20 {
		conn, err := hubclient.Connect(t.Context(), cfg, "/hubs/admin", nil)
		require.NoError(t, err)
		defer conn.Close()
	}
}

// The operator's listener has places of its own.
func TestHealthIsAnsweredWhenTheClientsPlacesAreTaken(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	free, err := listen.Listen(t.Context(), "tcp", "127.0.0.77:0") // in an address where no other test takes ports
	if err != nil {
		t.Skip("this machine has one loopback address only")
	}
	ops := free.Addr().String()
	require.NoError(t, free.Close())
	cfg := node(t, pgtest.New(t), func(c *app.Config) {
		c.Server.MaxUnauthenticated, c.Server.OpsListen = 5, ops
	})
	held := hold(t, cfg.URL, 10, "")
	require.Eventually(t, func() bool { return open(held) <= 5 }, patience, time.Millisecond)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ops+"/metrics", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), `herald_sockets_refused_total{reason="server"} 5`)
	require.Contains(t, string(body), "herald_unauthenticated_sockets 6")
}
