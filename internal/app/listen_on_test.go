package app_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// localhost is both loopbacks, and nothing else.
//
// Acceptance: A-430.
func TestLocalhostIsBothLoopbacks(t *testing.T) {
	t.Parallel()
	loopbacks := []string{"127.0.0.1"}
	if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "[::1]:0"); err == nil {
		loopbacks = append(loopbacks, "::1")
		require.NoError(t, l.Close())
	}
	cfg, stop := startNode(t, pgtest.New(t),
		func(s *app.Settings) { s.Listen, s.OpsListen = "localhost:0", "localhost:0" })
	t.Cleanup(func() { stopped(t, stop) })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(cfg.URL, "http://"))
	require.NoError(t, err)
	for _, host := range loopbacks {
		status, _ := ask(t, hubclient.Config{URL: "http://" + net.JoinHostPort(host, port), Token: cfg.Token},
			http.MethodPost, "/hubs/admin/negotiate?negotiateVersion=1", "")
		require.Equal(t, http.StatusOK, status, host)
	}
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range addresses {
		other, ok := address.(*net.IPNet)
		if !ok || other.IP.IsLoopback() || other.IP.IsLinkLocalUnicast() {
			continue
		}
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort(other.IP.String(), port))
		if err == nil {
			_ = conn.Close()
		}
		require.Error(t, err, "nobody else is let in at %s", other.IP)
	}
}
