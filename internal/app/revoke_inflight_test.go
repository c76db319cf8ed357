package app_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// With 50 events a second in flight, a customer at each of two nodes receives every event before the revocation in
// the log, and none behind it. An event published after the commit of the revocation is never received. The test
// prints how long after the commit the last event came. A busy machine may hold up some rounds, so the quicker ones
// must stay within the promised time.
func TestARevokedCustomerGetsNothingMore(t *testing.T) {
	t.Parallel()
	const (
		rounds = 20
		around = 8 // events before and after the revocation, at least
		pace   = time.Second / 50
	)
	db := pgtest.New(t)
	pool := db.Pool(t)
	restaurant := uuid.New()
	nodes := []hubclient.Config{node(t, db), node(t, db)}
	staff, err := auth.Mint(secret,
		auth.Grant{Subject: "staff", Permissions: []string{"RestaurantStaff:" + restaurant.String()}, TTL: time.Hour})
	require.NoError(t, err)
	witnesses := make([]*listener, len(nodes))
	for i, cfg := range nodes {
		cfg.Token = func(context.Context) (string, error) { return staff, nil }
		witnesses[i] = listen(t, cfg, event.RestaurantOrdersPath)
		witnesses[i].must(t, "SubscribeToRestaurant", restaurant)
	}
	var latest []time.Duration // of each round and node
	for range rounds {
		order := uuid.New()
		publish := func() (id uuid.UUID) {
			require.NoError(t, pool.QueryRow(t.Context(),
				"SELECT herald.publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Preparing', $2, 'tester')",
				order, restaurant).Scan(&id))
			return id
		}
		publish()
		customers := make([]*listener, len(nodes))
		for i, cfg := range nodes {
			customers[i] = listen(t, cfg, event.CustomerOrdersPath)
			customers[i].must(t, "ResumeOrder", order, uuid.Nil)
		}

		revoked := make(chan time.Time, 1)
		var committed time.Time
		var behind []uuid.UUID // published once the revocation had committed
		ticker := time.NewTicker(pace)
		for n := 0; len(behind) < around; n++ {
			<-ticker.C
			if n == around {
				go func() {
					_, err := pool.Exec(t.Context(), "SELECT herald.revoke_access('MustBeOrderOwner', $1, 'tester')", order)
					if err == nil {
						revoked <- time.Now()
					}
				}()
			}
			select {
			case committed = <-revoked:
			default:
			}
			require.Less(t, n, 50*60, "the revocation does not commit")
			if id := publish(); !committed.IsZero() {
				behind = append(behind, id)
			}
		}
		ticker.Stop()

		before := entitled(t, db, order)
		require.Greater(t, len(before), around)
		for i, c := range customers {
			witnesses[i].await(t, behind[len(behind)-1])
			_, err := c.Invoke(t.Context(), "ResumeOrder", order, uuid.Nil) // its answer comes behind all earlier messages
			var refused *hubclient.HubError
			require.ErrorAs(t, err, &refused)
			require.True(t, refused.Forbidden())
			received := c.all()
			ids := make([]uuid.UUID, len(received))
			for n, r := range received {
				ids[n] = r.id
				require.NotContains(t, behind, r.id)
			}
			require.Equal(t, before, ids)
			latest = append(latest, received[len(received)-1].at.Sub(committed))
			c.Close()
		}
	}
	slices.Sort(latest)
	t.Logf(
		"the last event of %d rounds and %d nodes came %s after the revocation's commit in the middle, %s at the latest",
		rounds, len(nodes),
		latest[len(latest)/2], latest[len(latest)-1])
	require.Less(t, latest[len(latest)/4], 100*time.Millisecond)
}

// entitled returns the events of the order before the revocation in the log, in their order.
func entitled(t *testing.T, db *pgtest.Database, order uuid.UUID) []uuid.UUID {
	t.Helper()
	rows, err := db.Conn(t).Query(t.Context(),
		`SELECT l.event_id FROM herald.event_log l WHERE l.group_name = $1 AND l.sequence > 0
		AND l.position < (SELECT r.position FROM herald.event_log r WHERE r.group_name = $1 AND r.sequence = 0) ORDER BY l.position`, event.OrderGroup(order))
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	return ids
}

// listener is a connection that records the events that it receives.
type listener struct {
	*hubclient.Connection

	mu       sync.Mutex
	received []reception
}

type reception struct {
	id uuid.UUID
	at time.Time
}

func listen(t *testing.T, cfg hubclient.Config, hub string) *listener {
	t.Helper()
	l := &listener{}
	var err error
	l.Connection, err = hubclient.Connect(t.Context(), cfg, hub, func(i hubclient.Invocation) {
		var payload struct {
			EventID uuid.UUID `json:"eventId"`
		}
		if len(i.Arguments) == 1 && json.Unmarshal(i.Arguments[0], &payload) == nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.received = append(l.received, reception{payload.EventID, i.ReceivedAt})
		}
	})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

func (l *listener) must(t *testing.T, method string, args ...any) {
	t.Helper()
	_, err := l.Invoke(t.Context(), method, args...)
	require.NoError(t, err)
}

func (l *listener) all() []reception {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.received)
}

// await waits until the event has been received.
func (l *listener) await(t *testing.T, id uuid.UUID) {
	t.Helper()
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(l.all(), func(r reception) bool { return r.id == id })
	}, patience, time.Millisecond)
}
