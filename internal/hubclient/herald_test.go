package hubclient_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/hubs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/signalr"
)

const secret = "a secret that is long enough for HS256"

// herald is the real hubs over the real broadcaster, with a log in memory that outlives them.
type herald struct {
	mu     sync.Mutex
	log    []event.Logged
	groups map[event.Group][]event.Logged

	address     string
	current     *node
	broadcaster *broadcast.Broadcaster
	position    int64
	packed      bool // its clients' protocol
}

// inBothProtocols runs a test with JSON clients and with MessagePack clients.
func inBothProtocols(t *testing.T, test func(t *testing.T, h *herald)) {
	t.Helper()
	for name, packed := range map[string]bool{"JSON": false, "MessagePack": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHerald(t)
			h.packed = packed
			test(t, h)
		})
	}
}

func newHerald(t *testing.T) *herald {
	t.Helper()
	h := &herald{address: "127.0.0.1:0", groups: make(map[event.Group][]event.Logged)}
	h.start(t)
	t.Cleanup(func() { h.current.kill() })
	return h
}

func (h *herald) start(t *testing.T) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	var err error
	h.broadcaster, err = broadcast.New(broadcast.Config{Logger: quiet}, h)
	require.NoError(t, err)
	h.broadcaster.Start(h.position)
	tokens, err := auth.NewVerifier(t.Context(), auth.Config{Secret: secret})
	require.NoError(t, err)
	all, err := hubs.New(hubs.Config{
		Broadcaster: h.broadcaster, Authorizer: h, Tokens: tokens, Stats: h, Connections: h, TeamCart: true, Logger: quiet,
	})
	require.NoError(t, err)
	server, err := signalr.New(signalr.Config{Authenticate: all.Authenticate, Logger: quiet})
	require.NoError(t, err)
	mux := http.NewServeMux()
	all.Mount(mux, server)
	h.current = startNode(t, h.address, server, mux)
	h.address = h.current.address
}

// commit gives n events their places in the log.
func (h *herald) commit(g event.Group, kind event.Type, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range n {
		place := &hub{group: g, log: h.groups[g]}
		l := place.next(kind)
		l.Position = int64(len(h.log) + 1)
		h.log = append(h.log, l)
		h.groups[g] = append(h.groups[g], l)
	}
}

// broadcast does the tail's work: it hands over the log's entries behind the position.
func (h *herald) broadcast(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	batch := h.log[h.position:]
	h.position = int64(len(h.log))
	h.mu.Unlock()
	require.NoError(t, h.broadcaster.Broadcast(t.Context(), batch))
}

func (h *herald) Locate(_ context.Context, g event.Group, id uuid.UUID) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.groups[g] {
		if l.ID == id {
			return l.Sequence, nil
		}
	}
	return 0, eventlog.ErrUnknownEvent
}

func (h *herald) Head(_ context.Context, g event.Group, at int64) (id uuid.UUID, sequence int64, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.groups[g] {
		if l.Position <= at {
			id, sequence = l.ID, l.Sequence
		}
	}
	return id, sequence, nil
}

func (h *herald) Read(
	_ context.Context, g event.Group, after, upTo int64, limit, _ int,
) (found []event.Logged, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.groups[g] {
		if l.Sequence > after && l.Position <= upTo && len(found) < limit {
			found = append(found, l)
		}
	}
	return found, nil
}

func (h *herald) Authorize(_ context.Context, p *auth.Principal, _ event.Group) error {
	if p.Subject == "stranger" {
		return policy.ErrForbidden
	}
	return nil
}

func (h *herald) PlatformStats(context.Context) (s outbox.PlatformStats, at time.Time, ok bool, err error) {
	return s, at, false, nil
}

func (h *herald) Connections(context.Context) (map[string]int, error) { return map[string]int{}, nil }

func (h *herald) config(subject string) hubclient.Config {
	return hubclient.Config{
		URL: "http://" + h.address,
		Token: func(context.Context) (string, error) {
			return auth.Mint(secret, auth.Grant{Subject: subject, Roles: []string{"Admin"}})
		},
		Backoff:     []time.Duration{time.Millisecond},
		MessagePack: h.packed,
		Logger:      slog.New(slog.DiscardHandler),
	}
}

// Followers of every kind of group get every event once and in order while the server is killed again and again, and
// while the log is ahead of the broadcast.
//
// Acceptance.
func TestFollowHerald(t *testing.T) {
	t.Parallel()
	inBothProtocols(t, followHerald)
}

func followHerald(t *testing.T, h *herald) {
	t.Helper()
	const rounds, events = 8, 40
	kinds := map[event.Group]event.Type{
		anOrder(): event.OrderStatusChanged,
		event.RestaurantGroup(uuid.Must(uuid.NewV7())): event.OrderPlaced,
		event.TeamCartGroup(uuid.Must(uuid.NewV7())):   event.CartPaymentEvent,
		event.Admins:       event.AdminNotification,
		event.UserActivity: event.UserActivityUpdate,
		event.Analytics:    event.RevenueUpdate,
		event.Alerts:       event.SystemAlert,
	}
	followers := make(map[event.Group]*followed)
	for g := range kinds {
		followers[g] = follow(t, h.config("u"), hubclient.Subscription{Group: g, LastEventID: &uuid.Nil})
		within(t, followers[g].results, "OnResumed")
	}
	var last int64
	for range rounds {
		for range 4 {
			for g, kind := range kinds {
				h.commit(g, kind, events/4)
			}
			h.broadcast(t)
		}
		h.current.kill() // with the contents of the queues and the sockets
		for g, kind := range kinds {
			h.commit(g, kind, events)
		}
		h.start(t) // the server has entries left to broadcast
		h.broadcast(t)
		last += 2 * events
		for _, f := range followers {
			for n := last - 2*events + 1; n <= last; n++ {
				f.expectNumber(t, n)
			}
		}
	}
	for g, f := range followers {
		require.Empty(t, f.events, g)
		require.Empty(t, f.ended, g)
	}
}

func TestFollowHeraldForbidden(t *testing.T) {
	t.Parallel()
	inBothProtocols(t, followHeraldForbidden)
}

func followHeraldForbidden(t *testing.T, h *herald) {
	t.Helper()
	for _, g := range []event.Group{anOrder(), event.Alerts} {
		f := follow(t, h.config("stranger"), hubclient.Subscription{Group: g})
		var refused *hubclient.HubError
		require.ErrorAs(t, within(t, f.ended, "the end"), &refused)
		require.True(t, refused.Forbidden(), refused)
	}
}

// Acceptance.
func TestFollowHeraldGap(t *testing.T) {
	t.Parallel()
	inBothProtocols(t, followHeraldGap)
}

func followHeraldGap(t *testing.T, h *herald) {
	t.Helper()
	g := anOrder()
	h.commit(g, event.OrderPlaced, 1200) // more than one replay may have
	h.broadcast(t)
	for name, id := range map[string]uuid.UUID{"unknown": uuid.New(), "too far behind": h.log[0].ID} {
		f := follow(t, h.config("u"), hubclient.Subscription{Group: g, LastEventID: &id})
		want := hubclient.Result{Status: hubclient.Gap, LastEventID: h.log[1199].ID, Sequence: 1200}
		require.Equal(t, want, within(t, f.results, "OnGap"), name)
		f.cancel()
	}
}

// Thousands of events arrive as they were published: the same bytes, in order.
func TestFollowHeraldKeepsTheOrder(t *testing.T) {
	t.Parallel()
	inBothProtocols(t, followHeraldKeepsTheOrder)
}

func followHeraldKeepsTheOrder(t *testing.T, h *herald) {
	t.Helper()
	const events = 10_000
	g := event.RestaurantGroup(uuid.Must(uuid.NewV7()))
	f := follow(t, h.config("u"), hubclient.Subscription{Group: g})
	within(t, f.results, "OnResumed")
	for n := range int64(events) {
		// in parts: a client that is a megabyte behind is disconnected, and one that is 1000 events behind gets a gap
		if n%100 == 0 {
			h.commit(g, event.OrderStatusChanged, 100)
			h.broadcast(t)
		}
		e := within(t, f.events, "event")
		require.Equal(t, n+1, e.Sequence)
		name := "orderNumber"
		if h.packed {
			name = "OrderNumber"
		}
		require.Contains(t, string(e.Arguments[0]), fmt.Sprintf(`%q:"YZ-%d"`, name, n+1))
	}
}
