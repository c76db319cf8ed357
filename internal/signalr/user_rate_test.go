package signalr_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// The connections of one user share the user's rate: an invocation that exceeds it waits, and nothing is refused or
// closed. Another user's do not wait.
func TestAUsersConnectionsShareARate(t *testing.T) {
	t.Parallel()
	const connections, each, burst, perSecond = 5, 20, 40, 10
	inBubble(t, func(b *bubble) {
		clients := make([]*client, connections)
		for i := range clients {
			clients[i] = b.dial()
			clients[i].shakeHands()
		}
		other := b.dialAs("other")
		other.shakeHands()
		from := time.Now()
		var all sync.WaitGroup
		for _, c := range clients {
			all.Go(func() { c.send(slices.Repeat([]string{strings.TrimSuffix(nothing, "\x1e")}, each)...) })
			all.Go(func() {
				for range each {
					c.expect(nothingResult)
				}
			})
		}
		synctest.Wait() // the burst is spent, and the rest waits
		other.send(strings.TrimSuffix(nothing, "\x1e"))
		other.expect(nothingResult)
		require.Zero(b.t, time.Since(from), "another user waits for nobody")
		all.Wait()
		require.InDelta(b.t, float64(connections*each-burst)/perSecond, time.Since(from).Seconds(), 0.1)
		require.Equal(b.t, connections*each-burst, b.observer.delayed())
		require.Empty(b.t, b.observer.reasons())
	}, func(cfg *signalr.Config) { cfg.UserInvocationRate, cfg.UserInvocationBurst = perSecond, burst })
}

// A connection that ends while its invocation waits ends at once.
func TestAConnectionEndsWhileItsInvocationWaits(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dial()
		c.shakeHands()
		conn := b.opened(b.t)
		from := time.Now()
		c.send(strings.TrimSuffix(nothing, "\x1e"))
		c.expect(nothingResult)
		c.send(strings.TrimSuffix(nothing, "\x1e"))
		synctest.Wait()
		conn.Close("", false)
		c.expect(`{"type":7}`)
		require.Less(b.t, time.Since(from), time.Second)
	}, func(cfg *signalr.Config) { cfg.UserInvocationRate, cfg.UserInvocationBurst = 1, 1 })
}
