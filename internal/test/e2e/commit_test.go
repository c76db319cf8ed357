package e2e_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Acceptance.
func TestWhatIsRolledBackIsNeverSeen(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	o := newOrder()
	c := d.connect(
		t, s.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.call(t, "SubscribeToOrder", o.id)
	begin := func() pgx.Tx {
		tx, err := p.Begin(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { _ = tx.Rollback(t.Context()) })
		return tx
	}
	slow, lost := begin(), begin()
	late := o.changed(t, slow, "Late") // has its place in the outbox before the others, and commits after them
	o.changed(t, lost, "Lost")
	partly := begin()
	kept := o.changed(t, partly, "Kept")
	require.ErrorIs(t, pgx.BeginFunc(t.Context(), partly, func(savepoint pgx.Tx) error {
		o.changed(t, savepoint, "Lost, too")
		return errRolledBack
	}), errRolledBack)
	_, err := partly.Exec(t.Context(), "SAVEPOINT s; SELECT 1")
	require.NoError(t, err)
	again := o.changed(t, partly, "Kept, too")
	require.NoError(t, partly.Commit(t.Context()))
	require.Equal(t, delivery{kept, 1}, received(c.next(t)))
	require.Equal(t, delivery{again, 2}, received(c.next(t)), "contiguous: what was rolled back took no number")
	require.NoError(t, lost.Rollback(t.Context()))
	require.NoError(t, slow.Commit(t.Context()))
	require.Equal(t, delivery{late, 3}, received(c.next(t)))
	c.quiet(t)
}

// Acceptance.
func TestTheSameEventIDIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	o := newOrder()
	c := d.connect(
		t, s.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.call(t, "SubscribeToOrder", o.id)
	id := uuid.New()
	for range 3 { // a service that does not know whether its first attempt succeeded
		_, err := p.Exec(
			t.Context(), `INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, payload)
			VALUES ($1, 'OrderPlaced', $2, $3, 'alice', '{"orderNumber":"YZ-1","status":"Placed"}')`, id, o.id, o.restaurant)
		require.NoError(t, err)
		require.Equal(t, id, publish(
			t, p, "publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, 'alice', event_id => $3)", o.id,
			o.restaurant, id,
		))
	}
	after := o.changed(t, p, "Preparing")
	require.Equal(t, delivery{id, 1}, received(c.next(t)))
	require.Equal(t, delivery{after, 2}, received(c.next(t)))
}

// TestCustomerSubscribesInTheMomentAfterTheCommit: the customer of a new order may follow it at once, by a token
// that was issued before the order, and no other user may.
//
// Acceptance.
func TestCustomerSubscribesInTheMomentAfterTheCommit(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	alice := d.connect(t, s.url+customerHub, user(t, "alice"))
	mallory := d.connect(t, s.url+customerHub, user(t, "mallory"))
	conn, err := p.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	const orders = 200
	placed := map[uuid.UUID]bool{}
	for i := range orders {
		o := newOrder()
		require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			placed[publish(
				t, tx, "publish_order_event('OrderPlaced', $1, 'YZ-1024', 'Placed', $2, 'alice')", o.id, o.restaurant,
			)] = true
			return nil
		}))
		if i%2 == 0 {
			alice.call(t, "SubscribeToOrder", o.id)
			placed[o.changed(t, conn, "Preparing")] = true
		} else {
			alice.call(t, "ResumeOrder", o.id, uuid.Nil)
		}
		require.Equal(t, failed("SubscribeToOrder", "Forbidden"), mallory.refused(t, "SubscribeToOrder", o.id))
		require.Equal(t, failed("ResumeOrder", "Forbidden"), mallory.refused(t, "ResumeOrder", o.id, nil))
		for { // the resume sends the first event; a subscription may come too late for it
			got := received(alice.next(t))
			require.True(t, placed[got.EventID], "an event of this customer's, for the first time")
			delete(placed, got.EventID)
			if i%2 == 1 || got.Sequence == 2 {
				break
			}
		}
	}
	alice.quiet(t)
	mallory.quiet(t)
}

// Acceptance: A-306.
func TestCustomerOfAnUncommittedOrderIsNobody(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	alice := d.connect(t, s.url+customerHub, user(t, "alice"))
	o := newOrder()
	err := pgx.BeginFunc(t.Context(), p, func(tx pgx.Tx) error {
		o.changed(t, tx, "Placed")
		require.Equal(t, failed("SubscribeToOrder", "Forbidden"), alice.refused(t, "SubscribeToOrder", o.id))
		return errRolledBack
	})
	require.ErrorIs(t, err, errRolledBack)
	require.Equal(t, failed("SubscribeToOrder", "Forbidden"), alice.refused(t, "SubscribeToOrder", o.id))
}

// TestOwnFunctionDecides: the function of HERALD_AUTHORIZE_FUNCTION decides, and an error in it refuses.
//
// Acceptance.
func TestOwnFunctionDecides(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	_, err := database.Pool(t).Exec(
		t.Context(), `CREATE FUNCTION public.may_follow(policy text, resource_id uuid, user_id text) RETURNS boolean
		LANGUAGE plpgsql AS $$ BEGIN
			IF user_id = 'broken' THEN RAISE EXCEPTION 'broken'; END IF;
			IF user_id = 'slow' THEN PERFORM pg_sleep(10); END IF;
			RETURN policy = 'MustBeRestaurantStaff' AND user_id = 'bob';
		END $$`)
	require.NoError(t, err)
	s, d := serve(t, database.DSN(), "HERALD_AUTHORIZE_FUNCTION=public.may_follow"), drive(t)
	d.connect(t, s.url+restaurantHub, user(t, "bob")).call(t, "SubscribeToRestaurant", uuid.New())
	for _, subject := range []string{"alice", "broken", "slow"} {
		require.Equal(t, failed("SubscribeToRestaurant", "Forbidden"),
			d.connect(t, s.url+restaurantHub, user(t, subject)).refused(t, "SubscribeToRestaurant", uuid.New()), subject)
	}
	require.Equal(t, failed("SubscribeToOrder", "Forbidden"),
		d.connect(t, s.url+customerHub, user(t, "bob")).refused(t, "SubscribeToOrder", uuid.New()))
}
