package signalr_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// A ticket is its user's, on every node. Another user's requests do not reach the owner.
//
// Acceptance: A-467.
func TestAnotherUsersTicketOnAnotherNode(t *testing.T) {
	t.Parallel()
	n := setupNodes(t)
	token, _ := n.token(t, 0)
	f := n.of(1)
	for _, r := range []struct {
		method  string
		headers []string
	}{
		{http.MethodGet, nil},
		{http.MethodGet, events},
		{http.MethodGet, upgrade},
		{http.MethodPost, nil},
		{http.MethodDelete, nil},
	} {
		a := f.request(t, r.method, "/hub?access_token=other&id="+token, r.headers...)
		require.Equal(t, http.StatusForbidden, a.status, "%s %v", r.method, r.headers)
		require.Equal(t, "The connection belongs to another user", a.body)
	}
	require.Zero(t, n.handed())
}

// A ticket shows neither its user, whatever the name, nor anything else: two tickets share nothing but the key's id.
//
// Acceptance: A-467.
func TestTicketsSayNothing(t *testing.T) {
	t.Parallel()
	n := setupNodes(t)
	var tickets [2][]byte
	for i := range tickets {
		encoded, id := n.token(t, 0)
		raw, err := base64.RawURLEncoding.DecodeString(encoded)
		require.NoError(t, err)
		require.Less(t, len(encoded), 128, "it stands in every request's line")
		for _, secret := range []string{"u1", "node-0", "test", id} {
			require.False(t, bytes.Contains(raw, []byte(secret)), secret)
		}
		tickets[i] = raw
	}
	alike := 0
	for i := range tickets[0][4:] {
		if tickets[0][4+i] == tickets[1][4+i] {
			alike++
		}
	}
	require.Less(t, alike, 8, "bytes of %d that are the same in both", len(tickets[0]))
}

// A ticket is good for one connection on each node. Presented at another node within its 15 seconds, it opens a
// second socket, which is its user's own and is counted.
//
// Acceptance: A-470.
func TestATicketOpensOneSocketANode(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.HandshakeTimeout = time.Hour })
	token, _ := n.token(t, 0)
	for i := range n.all {
		f := n.of(i)
		c := dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+token)
		c.shakeHands()
		f.opened(t)
		require.Equal(t, http.StatusConflict,
			f.request(t, http.MethodGet, "/hub?access_token=user&id="+token, upgrade...).status)
		c.send(`{"type":7}`)
		c.expect(`{"type":7}`)
		c.expectClose(ws.StatusNormalClosure)
		require.Eventually(t, func() bool {
			return f.request(t, http.MethodGet, "/hub?access_token=user&id="+token, upgrade...).status == http.StatusNotFound
		}, patience, soon)
	}
	// A connection that lives on its owner is opened once, wherever its ticket is presented.
	for i := range n.all {
		h := n.of(i)
		a := h.request(t, http.MethodGet, "/hub?access_token=user&id="+token, events...)
		require.Equal(t, http.StatusNotFound, a.status, "at node %d", i)
	}
}

// Acceptance: A-470.
func TestAnExpiredTicketOpensNothingOnAnyNode(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.HandshakeTimeout = time.Nanosecond })
	token, _ := n.token(t, 0)
	for i := range n.all {
		for _, headers := range [][]string{nil, events, upgrade} {
			a := n.of(i).request(t, http.MethodGet, "/hub?access_token=user&id="+token, headers...)
			require.Equal(t, http.StatusNotFound, a.status)
			require.Equal(t, notFound, a.body)
		}
	}
}

// Tickets from before a rotation stay valid after it, on every node, for as long as their connections live.
//
// Acceptance: A-471.
func TestARotationRefusesNoTicket(t *testing.T) {
	t.Parallel()
	keys := newSharedKeys()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.Sealer = signalr.NewSealer(keys) })
	p := n.negotiated(t, ownClient(t)).poller()
	greet(t, n.fixture, p)
	before, _ := n.token(t, 0)
	for range 100 { // more than the sealer keeps ready
		keys.rotate()
		after, _ := n.token(t, 1)
		require.NotEqual(t, before[:6], after[:6], "it is sealed with the new key")
	}
	dialURL(t, ws.Dialer{}, n.of(1).url+"?access_token=user&id="+before).shakeHands()
	p.send(`{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}`)
	p.expect(nothingResult)
}
