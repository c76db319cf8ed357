package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

const (
	writers     = 4
	writerPause = 5 * time.Millisecond // between two transactions of one writer
)

// workload is services that publish events of every kind, and clients that follow each of the groups.
type workload struct {
	orders    []order // one for each writer, all of one restaurant
	cart      uuid.UUID
	producer  producer
	committed atomic.Int64 // events of transactions that are known to have committed
	stop      context.CancelFunc
	done      sync.WaitGroup
	followers []*follower
}

// follower is a client of one group, from the group's beginning on.
type follower struct {
	*client

	group string
}

// work starts the writers on the database.
func work(t *testing.T, dsn string) *workload {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	w := &workload{cart: uuid.New(), producer: produce(t, dsn), stop: stop}
	restaurant := uuid.New()
	for range writers {
		o := order{uuid.New(), restaurant, "alice"}
		w.orders = append(w.orders, o)
		o.changed(t, w.producer, "Placed") // alice may follow it from here on
		w.committed.Add(1)
	}
	publish(t, w.producer, "publish_teamcart_event('CartUpdated', $1)", w.cart)
	publish(t, w.producer, "publish_admin_event('SystemAlert', '{\"type\":\"info\",\"message\":\"m\"}')")
	for _, o := range w.orders {
		w.done.Go(func() { w.write(ctx, o) })
	}
	t.Cleanup(func() {
		stop()
		w.done.Wait()
	})
	return w
}

// write runs one transaction after the other until ctx ends. A failed transaction is not repeated: its events are in
// the outbox or they are not, and the clients are compared with the outbox.
func (w *workload) write(ctx context.Context, o order) {
	for ctx.Err() == nil {
		n, err := w.transaction(ctx, o)
		if err == nil {
			w.committed.Add(int64(n))
		}
		select {
		case <-ctx.Done():
		case <-time.After(writerPause):
		}
	}
}

var errRolledBack = errors.New("rolled back on purpose")

// transaction publishes up to four events in one transaction, and rolls every tenth back.
func (w *workload) transaction(ctx context.Context, o order) (events int, err error) {
	tx, err := w.producer.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	for range 1 + rand.IntN(2) {
		_, err = tx.Exec(ctx, `SELECT herald.publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Preparing', $2, $3,
			(ARRAY['Both', 'Both', 'Both', 'Customer', 'Restaurant'])[1 + trunc(random() * 5)::int])`,
			o.id, o.restaurant, o.customer)
		if err != nil {
			return 0, err
		}
		events++
	}
	if rand.IntN(4) == 0 {
		if _, err := tx.Exec(
			ctx, `SELECT herald.publish_teamcart_event('CartPaymentEvent', $1, 'guest', 'Paid')`, w.cart,
		); err != nil {
			return 0, err
		}
		events++
	}
	if rand.IntN(4) == 0 {
		if _, err := tx.Exec(
			ctx, `SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}')`,
		); err != nil {
			return 0, err
		}
		events++
	}
	if rand.IntN(10) == 0 {
		return 0, errRolledBack
	}
	return events, tx.Commit(ctx)
}

// more waits until n more events have been committed.
func (w *workload) more(t *testing.T, n int64) {
	t.Helper()
	target := w.committed.Load() + n
	require.Eventually(
		t, func() bool { return w.committed.Load() >= target }, 2*patience, 5*time.Millisecond, "the writers are stuck",
	)
}

// follow opens clients on all groups; url names the server for the i-th of them.
func (w *workload) follow(t *testing.T, d *driver, url func(i int) string) {
	t.Helper()
	add := func(hub, token, group, method string, args ...any) {
		c := d.followed(t, url(len(w.followers))+hub, token, method, args...)
		w.followers = append(w.followers, &follower{c, group})
	}
	restaurant := w.orders[0].restaurant
	staff := mint(t, auth.Grant{Subject: "bob", Permissions: []string{"RestaurantStaff:" + restaurant.String()}})
	member := mint(t, auth.Grant{Subject: "guest", Permissions: []string{"TeamCartMember:" + w.cart.String()}})
	for _, o := range w.orders {
		add(customerHub, user(t, "alice"), "order:"+o.id.String(), "ResumeOrder", o.id)
	}
	for range 2 {
		add(restaurantHub, staff, "restaurant:"+restaurant.String(), "ResumeRestaurant", restaurant)
		add(teamCartHub, member, "teamcart:"+w.cart.String(), "ResumeCart", w.cart)
		add(adminHub, admin(t), "alerts", "ResumeAlerts")
	}
}

// awaitResumed waits until every follower has reached the state again since from was taken.
func (w *workload) awaitResumed(t *testing.T, from []int) {
	t.Helper()
	for i, f := range w.followers {
		f.await(t, from[i], f.group+" to be resumed", func(a arrival) bool { return a.State == "resumed" })
	}
}

// marks returns where each follower's record ends now.
func (w *workload) marks() []int {
	ends := make([]int, len(w.followers))
	for i, f := range w.followers {
		all, _ := f.all()
		ends[i] = len(all)
	}
	return ends
}

// delivery is an event as a client received it, or as the log has it.
type delivery struct {
	EventID  uuid.UUID
	Sequence int64
}

// finish stops the writers, waits until every client has every event, and compares.
func (w *workload) finish(t *testing.T, dsn string) {
	t.Helper()
	w.stop()
	w.done.Wait()
	for _, o := range w.orders { // the last event of each group: a repeated event would come before it
		require.Eventually(t, func() bool {
			var id uuid.UUID
			return w.producer.QueryRow(
				t.Context(), `SELECT herald.publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Delivered', $2, $3)`,
				o.id, o.restaurant, o.customer).Scan(&id) == nil
		}, patience, 10*time.Millisecond)
	}
	publish(t, w.producer, "publish_teamcart_event('CartExpired', $1)", w.cart)
	publish(t, w.producer, "publish_admin_event('SystemAlert', '{\"type\":\"info\",\"message\":\"m\"}')")

	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	defer pool.Close()
	var outbox, log map[string][]delivery
	// the relay has taken every row, also of a writer that was cut off during its COMMIT
	require.Eventually(t, func() bool {
		outbox = byGroup(t, pool, `
		SELECT 'order:' || resource_id, event_id, 0::bigint FROM herald.outbox WHERE event_type LIKE 'Order%' AND audience IN ('Both', 'Customer')
		UNION ALL
		SELECT 'restaurant:' || restaurant_id, event_id, 0 FROM herald.outbox WHERE event_type LIKE 'Order%' AND audience IN ('Both', 'Restaurant')
		UNION ALL SELECT 'teamcart:' || resource_id, event_id, 0 FROM herald.outbox WHERE event_type LIKE 'Cart%'
		UNION ALL SELECT 'alerts', event_id, 0 FROM herald.outbox WHERE event_type = 'SystemAlert'`)
		log = byGroup(t, pool, `SELECT group_name, event_id, sequence FROM herald.event_log ORDER BY group_name, sequence`)
		for group := range outbox {
			if len(log[group]) != len(outbox[group]) {
				return false
			}
		}
		return true
	}, patience, 20*time.Millisecond)
	require.Len(t, log, len(outbox))
	for group, entries := range log {
		for i, entry := range entries {
			require.EqualValues(t, i+1, entry.Sequence, "%s is contiguous", group)
		}
		require.ElementsMatch(t, ids(outbox[group]), ids(entries), "%s has each committed event once", group)
	}
	for _, f := range w.followers {
		want := log[f.group]
		last := want[len(want)-1].EventID
		got := deliveries(f.awaitAll(t, "the last event of "+f.group, func(all []arrival) bool {
			return slices.ContainsFunc(all, func(a arrival) bool { return received(a).EventID == last })
		}))
		for i := range min(len(want), len(got)) {
			require.Equal(
				t, want[i], got[i], "%s: entry %d of %d, received %d: everything, once, in order", f.group, i, len(want),
				len(got),
			)
		}
		require.Len(t, got, len(want), f.group)
	}
	t.Logf("%d committed events, %d clients", w.committed.Load(), len(w.followers))
}

func byGroup(t *testing.T, pool *pgxpool.Pool, query string) map[string][]delivery {
	t.Helper()
	rows, err := pool.Query(t.Context(), query)
	require.NoError(t, err)
	groups := map[string][]delivery{}
	var group string
	var d delivery
	_, err = pgx.ForEachRow(rows, []any{&group, &d.EventID, &d.Sequence}, func() error {
		groups[group] = append(groups[group], d)
		return nil
	})
	require.NoError(t, err)
	return groups
}

func ids(all []delivery) []uuid.UUID {
	found := make([]uuid.UUID, len(all))
	for i := range all {
		found[i] = all[i].EventID
	}
	return found
}

// received is an event's place; the zero value if the arrival is no event.
func received(a arrival) (d delivery) {
	if a.Event != "" && len(a.Args) > 0 { // the last argument has it, in every family
		_ = json.Unmarshal(a.Args[len(a.Args)-1], &d)
	}
	return d
}

func deliveries(all []arrival) []delivery {
	var found []delivery
	for _, a := range all {
		if d := received(a); d.EventID != uuid.Nil {
			found = append(found, d)
		}
	}
	return found
}
