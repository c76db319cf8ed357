package app

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A node forwards the requests of many clients: its sockets do not count as one client's, and other clients at its
// address do not keep them out.
//
// Acceptance: A-483.
func TestTheSocketsOfOtherNodesAreNotOneClients(t *testing.T) {
	t.Parallel()
	d := newDoored(t, nil, func(c *doorConfig) { c.most = 12 })
	for range 5 {
		require.Equal(t, http.StatusOK, d.from(t, "127.0.0.1").asks("/node", ""))
		d.counts(t, 0)
	}
	for range 6 { // silent sockets, at the address of a node: half of all
		d.from(t, "127.0.0.1")
	}
	d.counts(t, 6)
	d.from(t, "127.0.0.1").closed()
	for range 2 {
		d.from(t, "127.0.0.2")
	}
	d.counts(t, 8)
	d.from(t, "127.0.0.2").closed()
	require.Equal(t, []string{socketsFullAddress, socketsFullAddress}, d.turned())

	d.clock.Add(int64(nodeRemembered/time.Second) + 1)
	require.Equal(t, http.StatusOK, d.from(t, "127.0.0.1").asks("/open", ""), "which takes the place of a stale one")
	require.Contains(t, d.turned(), socketsStale, "a minute after the last one the address is as every other")
}

func TestAnIdleSocketOfANodeIsKept(t *testing.T) {
	t.Parallel()
	d := newDoored(t, nil, func(c *doorConfig) { c.idle = 10 * time.Millisecond })
	node, client := d.from(t, "127.0.0.1"), d.from(t, "127.0.0.1")
	require.Equal(t, http.StatusOK, node.asks("/node", ""))
	require.Equal(t, http.StatusOK, client.asks("/open", ""))
	client.closed()
	require.Equal(t, http.StatusOK, node.asks("/node", ""), "the other node keeps it for the requests to come")
}
