package e2e_test

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// soak is how long the connections of tokens that last for four seconds live.
var soak = flag.Duration("soak", time.Minute, "how long connections live of refreshed tokens")

const (
	soakTTL    = 4 * time.Second
	soakEvents = 250 * time.Millisecond // between two events
)

// Connections whose clients refresh at half of the lifetime live many lifetimes: over every transport, with stateful
// reconnect, whose WebSocket is cut again and again, and with Herald's own client. None reconnects, and none misses
// an event. The test lasts a minute beside the other tests, because tokens end by the wall clock; make soak runs it
// for ten.
//
// Acceptance: A-501.
func TestConnectionsLiveOnRefreshedTokens(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, p := serve(t, dsn), produce(t, dsn)
	o := newOrder()
	ends := time.Now().Add(*soak)
	var committed atomic.Int64
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for tick := time.NewTicker(soakEvents); time.Now().Before(ends); <-tick.C {
			if _, err := p.Exec(
				context.WithoutCancel(t.Context()),
				"SELECT herald.publish_order_event('OrderStatusChanged', $1, 'YZ-1024', 'Preparing', $2, $3)", o.id,
				o.restaurant, o.customer,
			); err != nil {
				t.Errorf("publishing: %v", err)
				return
			}
			committed.Add(1)
		}
	}()
	t.Cleanup(func() { <-finished })
	require.True(t, eventually(func() bool { return committed.Load() > 0 }))
	follower := followFresh(t, s, o)
	clients := map[string]*fresh{}
	for _, transport := range []string{"WebSockets", "ServerSentEvents", "LongPolling", "stateful"} {
		clients[transport] = openFresh(t, s, transport, o, soakTTL)
	}
	for time.Now().Before(ends) {
		transport, c := firstDue(clients)
		select {
		case err := <-c.lost:
			c.skipIfLate()
			require.NoError(t, err, "%s after %d refreshes", transport, c.refreshes)
		case <-time.After(time.Until(c.due)):
		}
		c.refresh()
		c.skipIfLate()
		switch often := c.refreshes%4 == 0; {
		case transport == "stateful" && often:
			c.acknowledge()
			c.comeBack()
		case transport == "LongPolling", !often:
		default:
			c.send(`{"type":6}`)
		}
	}
	<-finished
	for transport, c := range clients {
		c.hasAll(committed.Load())
		require.Empty(t, c.lost, transport)
		require.GreaterOrEqual(t, c.refreshes, int(*soak/soakTTL), transport)
		t.Logf("%s: %d events on one connection of %d tokens", transport, committed.Load(), c.refreshes+1)
	}
	for n := int64(1); n <= committed.Load(); n++ {
		require.Equal(t, n, awaited(t, follower.sequences))
	}
	require.EqualValues(t, 1, follower.connects.Load(), "Herald's own client")
	require.GreaterOrEqual(t, follower.tokens.Load(), int64(*soak/soakTTL))
}

// firstDue is the client that has to refresh next.
func firstDue(clients map[string]*fresh) (transport string, first *fresh) {
	for name, c := range clients {
		if first == nil || c.due.Before(first.due) {
			transport, first = name, c
		}
	}
	return transport, first
}

// freshFollower is a Herald client with its tokens and events.
type freshFollower struct {
	tokens, connects atomic.Int64
	sequences        chan int64
}

func followFresh(t *testing.T, s *server, o order) *freshFollower {
	t.Helper()
	f := &freshFollower{sequences: make(chan int64, 100_000)}
	cfg := hubclient.Config{
		URL: s.url, Logger: slog.New(slog.DiscardHandler),
		Token: func(context.Context) (string, error) {
			id := strconv.FormatInt(f.tokens.Add(1), 10) // no two tokens are the same
			return auth.Mint(secret, auth.Grant{Subject: o.customer, Permissions: []string{id}, TTL: soakTTL})
		},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- hubclient.Follow(ctx, cfg, hubclient.Subscription{Group: event.OrderGroup(o.id), LastEventID: &uuid.Nil},
			func(e hubclient.Event) error { f.sequences <- e.Sequence; return nil },
			hubclient.Hooks{OnConnected: func() { f.connects.Add(1) }})
	}()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	return f
}

func awaited[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "it does not come")
		panic("unreachable")
	}
}

// skipIfLate skips the test if the client itself was too late to refresh: such a connection is closed, as it has to
// be.
func (c *fresh) skipIfLate() {
	c.t.Helper()
	if c.late.Load() || !time.Now().Before(c.ends) {
		const text = "the machine was too busy to refresh a token of four seconds in time"
		require.LessOrEqual(c.t, *soak, time.Minute, text)
		c.t.Skip(text)
	}
}

// hasAll checks that every event up to n has come once and in order.
func (c *fresh) hasAll(n int64) {
	c.t.Helper()
	seen := make([]int64, 0, n)
	for int64(len(seen)) < n {
		seen = append(seen, awaited(c.t, c.sequences))
	}
	require.Empty(c.t, c.sequences)
	for i, sequence := range seen {
		require.EqualValues(c.t, i+1, sequence)
	}
}

// The requests of the .NET 11 client, right and wrong ones, against the program itself.
//
// Acceptance.
func TestRefreshAsTheDotNetClientDoesIt(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, p := serve(t, dsn), produce(t, dsn)
	for _, transport := range []string{"WebSockets", "ServerSentEvents", "LongPolling", "stateful"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			o := newOrder()
			o.changed(t, p, "Placed")
			c := openFresh(t, s, transport, o, time.Hour)
			require.InDelta(t, time.Hour, c.lifetime, float64(time.Minute))
			require.EqualValues(t, 1, awaited(t, c.sequences))
			c.ttl = 2 * time.Hour
			c.refresh()
			require.InDelta(t, 2*time.Hour, c.lifetime, float64(time.Minute))

			for _, test := range []struct {
				path, token, connection string
				status                  int
				code                    string
			}{
				{"/refresh", *c.bearer.Load(), "", http.StatusBadRequest, "missing_connection_token"},
				{"/refresh", *c.bearer.Load(), c.id, http.StatusNotFound, "connection_not_found"},
				{"/refresh", "nonsense", c.token, http.StatusUnauthorized, "invalid_token"},
				{"/refresh", user(t, "mallory"), c.token, http.StatusForbidden, "subject_changed"},
				{"/refresh?id=" + c.token, user(t, "mallory"), "", http.StatusForbidden, "subject_changed"},
			} {
				status, answer := request(
					t, http.MethodPost, c.hub+test.path, test.token, "", "X-SignalR-Connection-Token", test.connection,
				)
				require.Equal(t, test.status, status, answer.body)
				require.Equal(t, test.code, answer.decode(t)["error"])
			}
			status, answer := request(
				t, http.MethodGet, c.hub+"/refresh", *c.bearer.Load(), "", "X-SignalR-Connection-Token", c.token,
			)
			require.Equal(t, http.StatusMethodNotAllowed, status)
			require.Equal(t, http.MethodPost, answer.header.Get("Allow"))
			status, _ = request(t, http.MethodPost, c.hub+"/refresh?id="+c.token+"&access_token="+*c.bearer.Load(), "", "")
			require.Equal(t, http.StatusOK, status, "as earlier documents had it")

			o.changed(t, p, "Preparing")
			require.EqualValues(t, 2, awaited(t, c.sequences))
			require.Empty(t, c.lost)
		})
	}
}
