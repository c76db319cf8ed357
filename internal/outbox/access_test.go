package outbox_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

const owner = "MustBeOrderOwner"

// may asks as the server does, over a connection of its own.
func (b *bundle) may(t *testing.T, policy string, id uuid.UUID, user string) bool {
	t.Helper()
	return scan[bool](t, b.pool, "SELECT herald.can_subscribe($1, $2, $3)", policy, id, user)
}

func (b *bundle) grant(t *testing.T, policy string, id uuid.UUID) {
	t.Helper()
	b.exec(t, "SELECT herald.grant_access($1, $2, $3)", policy, id, customer)
}

func (b *bundle) revoke(t *testing.T, policy string, id uuid.UUID) {
	t.Helper()
	b.exec(t, "SELECT herald.revoke_access($1, $2, $3)", policy, id, customer)
}

// Acceptance.
func TestNewestOfGrantAndRevocationDecides(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, policy := range []string{owner, "MustBeRestaurantOwner", "MustBeRestaurantStaff", "MustBeTeamCartMember"} {
		require.False(t, b.may(t, policy, orderID, customer))
		b.grant(t, policy, orderID)
		b.grant(t, policy, orderID)
		require.True(t, b.may(t, policy, orderID, customer))
		require.False(t, b.may(t, policy, orderID, "user-2"))
		require.False(t, b.may(t, policy, cartID, customer))
		b.revoke(t, policy, orderID)
		require.False(t, b.may(t, policy, orderID, customer), "one revocation takes back every grant before it")
		b.grant(t, policy, orderID)
		require.True(t, b.may(t, policy, orderID, customer))
		b.revoke(t, policy, orderID)
		require.False(t, b.may(t, policy, orderID, customer))
	}
}

// Acceptance: A-303.
func TestGrantsTakeEffectWithTheirTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.begin(t)
	_, err := tx.Exec(t.Context(), "SELECT herald.grant_access($1, $2, $3)", owner, orderID, customer)
	require.NoError(t, err)
	require.False(t, b.may(t, owner, orderID, customer))
	require.NoError(t, tx.Rollback(t.Context()))
	require.False(t, b.may(t, owner, orderID, customer))
}

func TestGrantsRefuseWhatNobodyCouldMean(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const policies = "Use MustBeOrderOwner, MustBeRestaurantOwner, MustBeRestaurantStaff or MustBeTeamCartMember."
	for _, function := range []string{"grant_access", "revoke_access"} {
		for _, test := range []struct {
			policy, id, user any
			message, hint    string
		}{
			{"MustBeAdmin", orderID, customer, "herald access: unknown policy 'MustBeAdmin'", policies},
			{nil, orderID, customer, "herald access: unknown policy null", policies},
			{owner, nil, customer, "herald access: resource_id is missing", ""},
			{owner, orderID, nil, "herald access: user_id must have 1 to 256 characters", ""},
			{owner, orderID, "", "herald access: user_id must have 1 to 256 characters", ""},
			{owner, orderID, strings.Repeat("u", 257), "herald access: user_id must have 1 to 256 characters", ""},
		} {
			_, err := b.pool.Exec(t.Context(), "SELECT herald."+function+"($1, $2, $3)", test.policy, test.id, test.user)
			refused, ok := errors.AsType[*pgconn.PgError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, test.message, refused.Message)
			require.Equal(t, test.hint, refused.Hint)
			require.Equal(t, "22023", refused.Code, "invalid_parameter_value")
		}
	}
}

// The ownership race: the customer subscribes between the order's commit and the relay.
//
// Acceptance.
func TestCustomerMayFollowFromTheFirstCommitOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.relay(t) // the relay is not at its beginning
	tx := b.begin(t)
	_, err := insert(t, tx, order())
	require.NoError(t, err)
	require.False(t, b.may(t, owner, orderID, customer), "not committed")
	b.relay(t) // this transaction is a straggler now
	require.NoError(t, tx.Commit(t.Context()))
	requireOnlyCustomer := func() {
		t.Helper()
		require.True(t, b.may(t, owner, orderID, customer))
		require.False(t, b.may(t, owner, orderID, "user-2"))
		require.False(t, b.may(t, owner, restaurantID, customer))
		require.False(t, b.may(t, "MustBeTeamCartMember", orderID, customer))
		require.False(t, b.may(t, "MustBeRestaurantStaff", restaurantID, customer))
	}
	requireOnlyCustomer()
	b.relay(t)
	requireOnlyCustomer()
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM herald.access_grant"), "the relay noted it")
	b.insert(t, order())
	b.relay(t)
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM herald.access_grant"), "once")
}

// What is not the first event of an order that is delivered to its customer grants nothing, neither before the relay has come to it nor behind.
//
// Acceptance.
func TestEventsThatGrantNothing(t *testing.T) {
	t.Parallel()
	seen := uuid.New()
	for name, test := range map[string]struct {
		before, row columns
		past        bool
	}{
		"an id that was relayed":                    {before: cart(columns{"event_id": seen}), row: order(columns{"event_id": seen})},
		"scheduled for later":                       {row: order(columns{"deliver_after": "9999-12-31 00:00:00+00"})},
		"for the restaurant alone":                  {row: order(columns{"audience": "Restaurant"})},
		"a payload without a number":                {row: order(columns{"payload": `{"status": "Placed"}`}), past: true},
		"a payload whose time is none":              {row: order(columns{"payload": `{"orderNumber": "YZ-1", "status": "Placed", "deliveredAt": "soon"}`}), past: true},
		"a payload that is none":                    {row: order(columns{"payload": `[]`}), past: true},
		"a time that is none":                       {row: order(columns{"occurred_on_utc": "infinity"}), past: true},
		"an unknown type":                           {row: order(columns{"event_type": "OrderSplit"}), past: true},
		"no restaurant":                             {row: order(columns{"restaurant_id": nil}), past: true},
		"another customer than the first event's":   {before: order(columns{"customer_id": "user-2"}), row: order()},
		"of a team cart with the id of an order":    {row: cart(columns{"resource_id": orderID, "customer_id": customer})},
		"an id that is dead":                        {before: order(columns{"resource_id": uuid.New(), "event_id": seen, "payload": `{}`}), row: order(columns{"event_id": seen})},
		"an id that is scheduled":                   {before: cart(columns{"event_id": seen, "deliver_after": "2999-01-01 00:00:00+00"}), row: order(columns{"event_id": seen})},
		"an id of an unknown type, to be tried":     {before: order(columns{"resource_id": uuid.New(), "event_id": seen, "event_type": "OrderSplit"}), row: order(columns{"event_id": seen})},
		"an id that was relayed, for another order": {before: order(columns{"resource_id": uuid.New(), "event_id": seen}), row: order(columns{"event_id": seen})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, relayedBefore := range []bool{true, false} {
				b := setup(t)
				insert := b.insert
				if test.before != nil {
					b.insertPast(t, test.before)
				}
				if relayedBefore {
					b.relay(t)
				}
				if test.past {
					insert = b.insertPast
				}
				id := insert(t, test.row)
				require.False(t, b.may(t, owner, orderID, customer), "before the relay has come to it")
				b.relay(t)
				if status := b.status(t, id)[0]; status.Status == "relayed" && status.Group == event.OrderGroup(orderID) && test.before["customer_id"] != "user-2" {
					continue // published again in place of one that was never delivered: now it is the order's first
				}
				require.False(t, b.may(t, owner, orderID, customer), "behind it")
			}
		})
	}
}

// Acceptance: A-442.
func TestTheLowestOfSeveralFirstEventsCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insertPast(t, order(columns{"customer_id": "user-0", "payload": `{}`}))
	b.insert(t, order(columns{"customer_id": "user-1"}))
	b.insert(t, order(columns{"customer_id": "user-2"}))
	for range 2 {
		require.False(t, b.may(t, owner, orderID, "user-0"))
		require.True(t, b.may(t, owner, orderID, "user-1"))
		require.False(t, b.may(t, owner, orderID, "user-2"))
		b.relay(t)
	}
}

// An event that was scheduled grants when it is delivered.
func TestScheduledFirstEventGrantsWhenItIsDelivered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.insert(t, order(columns{"deliver_after": "2999-01-01 00:00:00+00"}))
	b.relay(t)
	require.False(t, b.may(t, owner, orderID, customer))
	require.NoError(t, b.appendLater(t, b.ref(t, id)))
	require.True(t, b.may(t, owner, orderID, customer))
}

func TestOtherFamiliesGrantNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insert(t, cart(columns{"customer_id": customer}))
	for range 2 {
		for _, policy := range []string{owner, "MustBeTeamCartMember"} {
			require.False(t, b.may(t, policy, cartID, customer))
		}
		b.relay(t)
	}
}

// Acceptance: A-304.
func TestRevocationGoesBeforeWhatAnOrderImplies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insert(t, order())
	require.True(t, b.may(t, owner, orderID, customer))
	b.revoke(t, owner, orderID)
	require.False(t, b.may(t, owner, orderID, customer), "before the relay read the order's event")
	b.relay(t)
	require.False(t, b.may(t, owner, orderID, customer), "behind it")
	b.insert(t, order(columns{"event_type": "OrderStatusChanged"}))
	require.False(t, b.may(t, owner, orderID, customer), "the order goes on, the revocation stays")
	b.relay(t)
	require.False(t, b.may(t, owner, orderID, customer))
	b.grant(t, owner, orderID)
	require.True(t, b.may(t, owner, orderID, customer), "until somebody grants it again")
}

func TestRevocationBeforeTheFirstEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.revoke(t, owner, orderID)
	b.insert(t, order())
	require.False(t, b.may(t, owner, orderID, customer))
	b.relay(t)
	require.False(t, b.may(t, owner, orderID, customer))
}

// A revocation travels the same line as the events, so that no node misses it, and takes no number in the group.
func TestRevocationEntersTheLogWithoutANumber(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.insert(t, order())
	b.revoke(t, owner, orderID)
	second := b.insert(t, order())
	b.relay(t)
	require.Equal(t, int64(1), b.status(t, first)[0].Sequence)
	require.Equal(t, int64(2), b.status(t, second)[0].Sequence)
	revoked := b.status(t, scan[uuid.UUID](t, b.pool, "SELECT event_id FROM herald.outbox WHERE event_type = 'AccessRevoked'"))
	require.Len(t, revoked, 1)
	require.Equal(t, int64(0), revoked[0].Sequence)
	require.Equal(t, event.OrderGroup(orderID), revoked[0].Group)
	require.Equal(t, int64(3), revoked[0].Position, "behind the order's first event and before its second")
}
