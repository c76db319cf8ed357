package signalr_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// unhurried lets clients be silent for a day.
func unhurried(cfg *signalr.Config) {
	cfg.KeepAliveInterval, cfg.ClientTimeout, cfg.PollTimeout, cfg.DisconnectTimeout = 100*time.Hour, 100*time.Hour,
		100*time.Hour, 100*time.Hour
}

// unbothered is a client without a time-out.
type unbothered struct{ *client }

func (c unbothered) expect(records ...string) {
	c.t.Helper()
	for _, r := range records {
		c.expectAfterPings(r)
	}
}

const closedAsExpired = `{"type":7,"error":"The connection's credentials have expired.","allowReconnect":true}`

// tokenOf returns the connection token of a client of a half-transport.
func tokenOf(c talker) string {
	var h *half
	switch c := c.(type) {
	case *poller:
		h = c.half
	case *stream:
		h = c.half
	}
	_, token, _ := strings.Cut(h.url, "&id=")
	return token
}

// A token of two minutes, refreshed at half of its lifetime, carries a connection through a day, over every
// transport. The connection ends within a second of the first token that is not replaced.
//
// Acceptance: A-501.
func TestAConnectionOfRefreshedTokensLives(t *testing.T) {
	t.Parallel()
	const half, rounds = time.Minute, 24 * 60
	live := func(b *bubble, token string, c talker) {
		conn := within(b.t, b.conns, "OnConnected")
		started := time.Now()
		for n := range rounds {
			require.Equal(b.t, http.StatusOK, b.refresh(token, "u1 120").status)
			<-time.After(half) // the bubble's time
			if n%100 == 0 {
				require.NoError(b.t, conn.Send(message("Event", strconv.Itoa(n))))
				c.expect(`{"type":1,"target":"Event","arguments":[` + strconv.Itoa(n) + `]}`)
			}
		}
		require.Equal(b.t, 24*time.Hour, time.Since(started))
		c.expect(closedAsExpired)
		require.InDelta(b.t, half.Seconds(), (time.Since(started) - 24*time.Hour).Seconds(), 1)
		c.expectEnd()
	}
	t.Run("WebSockets", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			token := b.issue(b.t)
			c := b.dialToken(token)
			c.shakeHands()
			live(b, token, unbothered{c})
		}, granting, unhurried)
	})
	overEachInBubble(t, func(b *bubble, c talker) {
		c.send(`{"protocol":"json","version":1}`)
		c.expect(`{}`)
		live(b, tokenOf(c), c)
	}, granting, unhurried)
}

// Acceptance: A-501.
func TestAConnectionThatWaitsForItsClientIsRefreshed(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		token := b.issueWith(b.t, "&useStatefulReconnect=true")
		c := b.dialToken(token)
		c.send(`{"protocol":"json","version":2}`)
		c.expect(`{}`)
		conn := within(b.t, b.conns, "OnConnected")
		require.Equal(b.t, http.StatusOK, b.refresh(token, "u1 4").status)
		require.NoError(b.t, c.conn.Close())
		synctest.Wait()
		for range 3 { // it is without a WebSocket for longer than a token lasts
			<-time.After(2 * time.Second)
			require.Equal(b.t, http.StatusOK, b.refresh(token, "u1 4").status)
		}
		require.NoError(b.t, conn.Send(message("Event", "1")))
		c = b.dialToken(token)
		c.send(`{"type":9,"sequenceId":1}`)
		c.expect(`{"type":9,"sequenceId":1}`, `{"type":1,"target":"Event","arguments":[1]}`)
		require.Equal(b.t, http.StatusOK, b.refresh(token, "u1 4").status)
		c.expectAfterPings(closedAsExpired)
	}, granting)
}

// A refresh comes at the very moment at which the old token ends. Either it is refused, and the connection is closed
// as expired, or it is answered with 200, and the connection lives as long as the new token.
//
// Acceptance: A-502.
func TestARefreshThatRacesTheExpiry(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		const connections, rounds = 50, 20
		for range rounds {
			conns, tokens := make([]*signalr.Conn, connections), make([]string, connections)
			for i := range connections {
				tokens[i] = b.issue(b.t)
				b.dialToken(tokens[i]).shakeHands()
				conns[i] = within(b.t, b.conns, "OnConnected")
			}
			// The sweeper looks every half second from its start; all of the connections end at one of those looks.
			at := time.Now().Add(2 * time.Second)
			for _, c := range conns {
				c.SetUser(user{id: "u1", expires: at})
			}
			statuses := make([]int, connections)
			var all sync.WaitGroup
			for i := range connections {
				all.Go(func() {
					<-time.After(time.Until(at))
					statuses[i] = b.refresh(tokens[i], "u1 100").status
				})
			}
			all.Wait()
			<-time.After(2 * time.Second)
			for i, status := range statuses {
				switch status {
				case http.StatusOK:
					require.NoError(b.t, conns[i].Context().Err(), "it was answered with 200")
					require.True(b.t, conns[i].User().ExpiresAt().After(at.Add(time.Minute)))
				default:
					require.Equal(b.t, http.StatusNotFound, status)
					require.Error(b.t, conns[i].Context().Err())
					require.Equal(b.t, at, conns[i].User().ExpiresAt())
				}
				conns[i].Close("", false)
			}
		}
	}, granting, unhurried)
}

// Refreshes of one connection follow each other, whichever client sends them: the last one to be answered with 200
// holds.
//
// Acceptance: A-502.
func TestRefreshesOfOneConnectionFollowEachOther(t *testing.T) {
	t.Parallel()
	f := setup(t, granting)
	var inside, last atomic.Int64
	f.hub.OnRefresh(func(ctx context.Context, c *signalr.Conn, u signalr.User) error {
		return c.Replace(ctx, u, func() {
			require.EqualValues(t, 1, inside.Add(1))
			require.Equal(t, u, c.User())
			last.Store(u.ExpiresAt().UnixNano())
			inside.Add(-1)
		})
	})
	token := f.issue(t)
	c := dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+token)
	c.shakeHands()
	conn := f.opened(t)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() { require.Equal(t, http.StatusOK, f.refresh(token, "u1 "+strconv.Itoa(60+i)).status) })
	}
	all.Wait()
	require.Equal(t, last.Load(), conn.User().ExpiresAt().UnixNano())

	// A connection that is closed meanwhile is either refreshed first, or not found.
	closing := make(chan struct{})
	var late atomic.Bool
	for i := range 200 {
		all.Go(func() {
			<-closing
			wasLate := late.Load()
			status := f.refresh(token, "u1 "+strconv.Itoa(600+i)).status
			require.Contains(t, []int{http.StatusOK, http.StatusNotFound}, status)
			require.False(t, wasLate && status == http.StatusOK, "it had ended by then")
		})
	}
	close(closing)
	conn.Close("", false)
	late.Store(true)
	all.Wait()
	require.Equal(t, last.Load(), conn.User().ExpiresAt().UnixNano())
}

// A refresh whose turn does not come is told so, and one whose token ends meanwhile changes nothing.
func TestARefreshWaitsForAnother(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		token := b.issue(b.t)
		b.dialToken(token).shakeHands()
		conn := within(b.t, b.conns, "OnConnected")
		busy := func(lasting time.Duration) {
			started := make(chan struct{})
			go func() {
				_ = conn.Replace(context.Background(), user{id: "u1", expires: time.Now().Add(time.Minute)}, func() {
					close(started)
					<-time.After(lasting)
				})
			}()
			<-started
		}
		busy(20 * time.Second)
		a := b.refresh(token, "u1 1000")
		requireRefused(b.t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
		require.Equal(b.t, "1", a.header.Get("Retry-After"))
		<-time.After(20 * time.Second)

		busy(5 * time.Second)
		a = b.refresh(token, "u1 4")
		requireRefused(b.t, a, http.StatusUnauthorized, "invalid_token")
		require.Equal(b.t, `Bearer error="invalid_token"`, a.header.Get("WWW-Authenticate"))
		require.Greater(b.t, time.Until(conn.User().ExpiresAt()), 30*time.Second)

		busy(5 * time.Second)
		conn.Close("", false)
		requireRefused(b.t, b.refresh(token, "u1 1000"), http.StatusNotFound, "connection_not_found")
		<-time.After(10 * time.Second)
	}, granting, unhurried)
}
