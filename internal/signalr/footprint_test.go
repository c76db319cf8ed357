//go:build !race

// The race detector keeps memory of its own for every goroutine, which is not measured here.

package signalr_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// TestIdleFootprint bounds the server's memory of a connection at rest, stacks included, after a call that needed a
// large one. The client's end is in this process too: a socket of the smallest kind, about a kilobyte, which the
// bound includes.
func TestIdleFootprint(t *testing.T) { //nolint:paralleltest // others' memory would count
	const count, bound = 500, 8 << 10
	f := newFixture(t)
	server := httptest.NewServer(f.handler())
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	request := []byte("GET /hub?access_token=user HTTP/1.1\r\nHost: " + address +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	hello := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(handshake +
		`{"type":1,"target":"Deep","arguments":[]}` + "\x1e"))))
	f.url = server.URL + "/hub"

	buffer := make([]byte, 4096)
	open := func() *signalr.Conn {
		conn, err := netDial(t, address)
		require.NoError(t, err)
		_, err = conn.Write(request)
		require.NoError(t, err)
		_, err = conn.Read(buffer)
		require.NoError(t, err)
		_, err = conn.Write(hello)
		require.NoError(t, err)
		return f.opened(t)
	}
	for range 20 { // to fill pools and the like
		open()
	}
	before := inUse()
	conns := make([]*signalr.Conn, count)
	for i := range conns {
		conns[i] = open()
	}
	for _, c := range conns {
		require.NoError(t, c.WaitQueue(t.Context(), 1))
	}
	each := (inUse() - before) / count
	t.Logf("%d bytes a connection at rest", each)
	require.Less(t, each, int64(bound))

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Shutdown(ctx) }()
	for range 520 {
		within(t, f.disconnected, "OnDisconnected")
	}
	require.NoError(t, <-done)
}
