package app_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const (
	writers      = 16
	transactions = 60 // a writer
	orders       = 12
	restaurants  = 3
	followers    = 24
	longHeld     = 3 * time.Second // how long the long transaction stays open
	patience     = 2 * time.Minute
)

// Every committed event reaches every subscriber of its groups exactly once, in the group's order, with contiguous
// sequences, whatever the writers' transactions do and however often the subscribers come and go.
//
// Acceptance.
func TestEveryCommittedEventIsReceivedExactlyOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := newWorld()
	w.receiveExactlyOnce(t, db, node(t, db, w.permissions()...))
}

// receiveExactlyOnce runs the writers and the subscribers, each at one of the nodes in turn, and checks the
// subscribers' records.
func (w *world) receiveExactlyOnce(t *testing.T, db *pgtest.Database, nodes ...hubclient.Config) {
	t.Helper()
	following, stopFollowing := context.WithCancelCause(t.Context())
	defer stopFollowing(nil)
	written := make(chan struct{})
	var clients sync.WaitGroup
	records := make([]*record, followers)
	for i := range records {
		records[i] = &record{group: w.groups()[i%len(w.groups())]}
		clients.Go(func() { records[i].follow(following, nodes[i%len(nodes)], written) })
	}

	errs := make(chan error, writers+2)
	var writing sync.WaitGroup
	for i := range writers {
		conn := db.Conn(t)
		writing.Go(func() { errs <- w.write(t.Context(), conn, i) })
	}
	for _, commit := range []bool{true, false} {
		conn := db.Conn(t)
		writing.Go(func() { errs <- w.hold(t.Context(), conn, commit) })
	}
	writing.Wait()
	close(written)
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}

	truth := committed(t, db)
	require.Eventually(t, func() bool {
		return !slices.ContainsFunc(records, func(r *record) bool { return r.lacks(len(truth[r.group])) })
	}, patience, 20*time.Millisecond, "not every subscriber has received everything")
	stopFollowing(errDone)
	clients.Wait()

	for _, r := range records {
		require.NoError(t, r.err)
		r.check(t, truth[r.group])
	}
	for _, a := range records { // one order for all subscribers
		for _, b := range records {
			if a.group == b.group {
				require.Equal(t, a.ids(), b.ids())
			}
		}
	}
	w.checkWriters(t, records)
}

var (
	errRollBack = errors.New("the business transaction rolls back")
	errDone     = errors.New("everything has been received")
)

// committed returns the distinct event ids in the outbox by group: the events to receive.
func committed(t *testing.T, db *pgtest.Database) map[event.Group]map[uuid.UUID]bool {
	t.Helper()
	rows, err := db.Conn(t).Query(t.Context(), `SELECT event_id, resource_id, restaurant_id, audience FROM herald.outbox`)
	require.NoError(t, err)
	truth := map[event.Group]map[uuid.UUID]bool{}
	var id, order, restaurant uuid.UUID
	var audience string
	_, err = pgx.ForEachRow(rows, []any{&id, &order, &restaurant, &audience}, func() error {
		for _, g := range targets(order, restaurant, event.Audience(audience)) {
			if truth[g] == nil {
				truth[g] = map[uuid.UUID]bool{}
			}
			truth[g][id] = true
		}
		return nil
	})
	require.NoError(t, err)
	return truth
}

func targets(order, restaurant uuid.UUID, audience event.Audience) []event.Group {
	switch audience {
	case event.Restaurant:
		return []event.Group{event.RestaurantGroup(restaurant)}
	case event.Customer:
		return []event.Group{event.OrderGroup(order)}
	case event.Both:
	}
	return []event.Group{event.OrderGroup(order), event.RestaurantGroup(restaurant)}
}

// record is the list of events that one subscriber has received.
type record struct {
	group event.Group
	err   error // the error that ended it for good

	mu       sync.Mutex
	received []hubclient.Event
}

// follow receives the group from its beginning, leaving and coming back at random. Once everything has been written
// it stays: on a busy machine a visit may be too short to receive anything.
func (r *record) follow(ctx context.Context, cfg hubclient.Config, written <-chan struct{}) {
	last := uuid.Nil
	for ctx.Err() == nil {
		stay := time.Duration(50+rand.IntN(400)) * time.Millisecond
		select {
		case <-written:
			stay = patience
		default:
		}
		visit, cancel := context.WithTimeout(ctx, stay)
		sub := hubclient.Subscription{Group: r.group, LastEventID: &last}
		err := hubclient.Follow(visit, cfg, sub, func(e hubclient.Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.received = append(r.received, e)
			last = e.EventID
			return nil
		}, hubclient.Hooks{OnGap: func(hubclient.Result) { r.fail(errors.New("was told of a gap")); cancel() }})
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errDone) &&
			!errors.Is(err, context.Canceled) {
			r.fail(err)
			return
		}
	}
}

// lacks says whether events are still missing.
func (r *record) lacks(events int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err == nil && len(r.received) < events
}

func (r *record) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *record) ids() []uuid.UUID {
	ids := make([]uuid.UUID, len(r.received))
	for i, e := range r.received {
		ids[i] = e.EventID
	}
	return ids
}

// check compares the record with the committed events of its group.
func (r *record) check(t *testing.T, truth map[uuid.UUID]bool) {
	t.Helper()
	seen := map[uuid.UUID]bool{}
	for i, e := range r.received {
		require.Equal(t, int64(i+1), e.Sequence, "%s is not contiguous", r.group)
		require.False(t, seen[e.EventID], "%s received %s twice", r.group, e.EventID)
		seen[e.EventID] = true
		require.True(t, truth[e.EventID], "%s received %s, which was never committed to it", r.group, e.EventID)
	}
	require.Len(t, seen, len(truth), "%s lacks events", r.group)
}

// world holds the resources that the writers write about, and their committed events, each in its order.
type world struct {
	orderIDs, restaurantIDs []uuid.UUID
	commits                 [writers][]uuid.UUID

	mu        sync.Mutex
	published []uuid.UUID // committed by any writer, to be published again
}

func newWorld() *world {
	w := &world{}
	for range orders {
		w.orderIDs = append(w.orderIDs, uuid.New())
	}
	for range restaurants {
		w.restaurantIDs = append(w.restaurantIDs, uuid.New())
	}
	return w
}

func (w *world) permissions() []string {
	var all []string
	for _, id := range w.orderIDs {
		all = append(all, "OrderOwner:"+id.String())
	}
	for _, id := range w.restaurantIDs {
		all = append(all, "RestaurantStaff:"+id.String())
	}
	return all
}

func (w *world) groups() []event.Group {
	var all []event.Group
	for _, id := range w.restaurantIDs {
		all = append(all, event.RestaurantGroup(id))
	}
	for _, id := range w.orderIDs {
		all = append(all, event.OrderGroup(id))
	}
	return all
}

// write commits and rolls back transactions as a service does. Every third writer is REPEATABLE READ, every third
// SERIALIZABLE.
func (w *world) write(ctx context.Context, conn *pgx.Conn, writer int) error {
	levels := []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable}
	for range transactions {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: levels[writer%len(levels)]})
		if err != nil {
			return fmt.Errorf("beginning: %w", err)
		}
		published, err := w.transaction(ctx, tx)
		if err == nil && rand.Float64() < 0.15 {
			err = errRollBack
		}
		if err == nil {
			err = tx.Commit(ctx)
		}
		if serialization, ok := errors.AsType[*pgconn.PgError](err); errors.Is(err, errRollBack) ||
			ok && serialization.Code == "40001" {
			_ = tx.Rollback(ctx) // a failed commit has rolled back already
			continue
		}
		if err != nil {
			return fmt.Errorf("writer %d: %w", writer, err)
		}
		w.commits[writer] = append(w.commits[writer], published...)
		w.mu.Lock()
		w.published = append(w.published, published...)
		w.mu.Unlock()
	}
	return nil
}

// transaction publishes one to three events, sometimes one in a savepoint that is rolled back, sometimes an old one
// again.
func (w *world) transaction(ctx context.Context, tx pgx.Tx) (published []uuid.UUID, err error) {
	for range 1 + rand.IntN(3) {
		id := uuid.New()
		if err := w.publish(ctx, tx, id); err != nil {
			return nil, err
		}
		published = append(published, id)
	}
	if rand.Float64() < 0.2 {
		savepoint, err := tx.Begin(ctx)
		if err != nil {
			return nil, fmt.Errorf("opening a savepoint: %w", err)
		}
		if err := w.publish(ctx, savepoint, uuid.New()); err != nil {
			return nil, err
		}
		if err := savepoint.Rollback(ctx); err != nil {
			return nil, fmt.Errorf("rolling a savepoint back: %w", err)
		}
	}
	if again, ok := w.any(); ok && rand.Float64() < 0.2 {
		if err := w.republish(ctx, tx, again); err != nil {
			return nil, err
		}
	}
	return published, nil
}

func (w *world) any() (uuid.UUID, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.published) == 0 {
		return uuid.Nil, false
	}
	return w.published[rand.IntN(len(w.published))], true
}

func (w *world) publish(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	i := rand.IntN(len(w.orderIDs))
	audience := event.Audiences()[rand.IntN(len(event.Audiences()))]
	_, err := tx.Exec(ctx,
		`SELECT herald.publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Preparing', $2, 'customer', $3, event_id => $4)`,
		w.orderIDs[i], w.restaurantIDs[i%len(w.restaurantIDs)], string(audience), id)
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	return nil
}

// republish publishes a committed event once more, as a producer does whose commit got no answer.
func (w *world) republish(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx,
		`INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload)
		SELECT event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload FROM herald.outbox WHERE event_id = $1 LIMIT 1`, id)
	if err != nil {
		return fmt.Errorf("publishing again: %w", err)
	}
	return nil
}

// hold keeps a transaction that has published open during many others.
func (w *world) hold(ctx context.Context, conn *pgx.Conn, commit bool) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	for range 10 {
		if err := w.publish(ctx, tx, uuid.New()); err != nil {
			return err
		}
	}
	<-time.After(longHeld)
	if !commit {
		return tx.Rollback(ctx)
	}
	return tx.Commit(ctx)
}

// checkWriters checks that the events of one writer, whose transactions follow each other, are in their order in
// every group.
func (w *world) checkWriters(t *testing.T, records []*record) {
	t.Helper()
	for _, r := range records {
		place := map[uuid.UUID]int64{}
		for _, e := range r.received {
			place[e.EventID] = e.Sequence
		}
		for writer, commits := range w.commits {
			at := int64(0)
			for _, id := range commits {
				if sequence, here := place[id]; here {
					require.Greater(t, sequence, at, "%s has events of writer %d out of order", r.group, writer)
					at = sequence
				}
			}
		}
	}
}
