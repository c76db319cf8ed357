package signalr_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The headers of an upgrade are lists, and a list may come in several lines (RFC 9110 §5.3). Clients and proxies
// write the same list in many ways, and any line counts, as in ASP.NET Core.
func TestAnUpgradeInAnyLines(t *testing.T) {
	t.Parallel()
	f := setup(t)
	const key, version = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"
	usual := []string{"Upgrade: websocket", "Connection: Upgrade", key, version}
	for name, lines := range map[string][]string{
		"as usual": usual,
		"two lines, as through a proxy": {
			"Upgrade: websocket", "Connection: keep-alive", "Connection: Upgrade", key, version,
		},
		"the other way round": {
			"Upgrade: websocket", "Connection: Upgrade", "Connection: keep-alive", key, version,
		},
		"one line":               {"Upgrade: websocket", "Connection: keep-alive, Upgrade", key, version},
		"one line, other spaces": {"Upgrade: WebSocket", "Connection: keep-alive ,upgrade,", key, version},
		"an empty line before":   {"Upgrade: websocket", "Connection:", "Connection: Upgrade", key, version},
		"three lines": {
			"Upgrade: websocket", "connection: x", "CONNECTION: close, y", "Connection: UPGRADE", key, version,
		},
		"another protocol before": {
			"Upgrade: h2c", "Upgrade: websocket", "Connection: Upgrade, HTTP2-Settings", key, version,
		},
		"another protocol in the line": {"Upgrade: h2c, websocket", "Connection: Upgrade", key, version},
		"the version twice":            {"Upgrade: websocket", "Connection: Upgrade", key, version, version},
		"another version before": {
			"Upgrade: websocket", "Connection: Upgrade", key, "Sec-WebSocket-Version: 8", version,
		},
		"versions in one line": {"Upgrade: websocket", "Connection: Upgrade", key, "Sec-WebSocket-Version: 8, 13"},
		"extensions and protocols twice": append([]string{
			"Sec-WebSocket-Extensions: a", "Sec-WebSocket-Extensions: b; c=1", "Sec-WebSocket-Protocol: x",
			"Sec-WebSocket-Protocol: y, z",
		}, usual...),
	} {
		require.Equal(t, http.StatusSwitchingProtocols, f.upgrades(t, lines), name)
	}
	for name, lines := range map[string][]string{
		"another version": {"Upgrade: websocket", "Connection: Upgrade", key, "Sec-WebSocket-Version: 8"},
		"no version":      {"Upgrade: websocket", "Connection: Upgrade", key},
		"versions, none good": {
			"Upgrade: websocket", "Connection: Upgrade", key, "Sec-WebSocket-Version: 8, 130", "Sec-WebSocket-Version: 1",
		},
		"no key":         {"Upgrade: websocket", "Connection: Upgrade", version},
		"no upgrade":     {"Upgrade: websockets", "Connection: Upgrade", key, version},
		"part of a word": {"Upgrade: websocket", "Connection: keep-upgrade", key, version},
	} {
		status := f.upgrades(t, lines)
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusUpgradeRequired},
			status, name)
	}
}

// upgrades returns the status of a WebSocket request with these header lines.
func (f *fixture) upgrades(t *testing.T, lines []string) int {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp",
		strings.TrimSuffix(strings.TrimPrefix(f.url, "http://"), "/hub"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Write([]byte("GET /hub?access_token=user HTTP/1.1\r\nHost: herald\r\n" + strings.Join(lines, "\r\n") +
		"\r\n\r\n"))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}
