package outbox_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// Acceptance.
func TestNewestOfGrantAndRevocationDecides(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, policy := range []string{
		fixture.Owner, "MustBeRestaurantOwner", "MustBeRestaurantStaff",
		"MustBeTeamCartMember",
	} {
		require.False(t, b.May(t, policy, fixture.OrderID, fixture.Customer))
		b.Grant(t, policy, fixture.OrderID)
		b.Grant(t, policy, fixture.OrderID)
		require.True(t, b.May(t, policy, fixture.OrderID, fixture.Customer))
		require.False(t, b.May(t, policy, fixture.OrderID, "user-2"))
		require.False(t, b.May(t, policy, fixture.CartID, fixture.Customer))
		b.Revoke(t, policy, fixture.OrderID)
		require.False(t, b.May(t, policy, fixture.OrderID, fixture.Customer),
			"one revocation takes back every grant before it")
		b.Grant(t, policy, fixture.OrderID)
		require.True(t, b.May(t, policy, fixture.OrderID, fixture.Customer))
		b.Revoke(t, policy, fixture.OrderID)
		require.False(t, b.May(t, policy, fixture.OrderID, fixture.Customer))
	}
}

// Acceptance: A-303.
func TestGrantsTakeEffectWithTheirTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.Begin(t)
	_, err := tx.Exec(t.Context(), "SELECT herald.grant_access($1, $2, $3)", fixture.Owner, fixture.OrderID,
		fixture.Customer)
	require.NoError(t, err)
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
	require.NoError(t, tx.Rollback(t.Context()))
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
}

func TestGrantsRefuseWhatNobodyCouldMean(t *testing.T) {
	t.Parallel()
	b := setup(t)
	names := event.PolicyNames()
	last := len(names) - 1
	policies := "Use " + strings.Join(names[:last], ", ") + " or " + names[last] + "."
	for _, function := range []string{"grant_access", "revoke_access"} {
		for _, test := range []struct {
			policy, id, user any
			message, hint    string
		}{
			{"MustBeAdmin", fixture.OrderID, fixture.Customer, "herald access: unknown policy 'MustBeAdmin'", policies},
			{nil, fixture.OrderID, fixture.Customer, "herald access: unknown policy null", policies},
			{fixture.Owner, nil, fixture.Customer, "herald access: resource_id is missing", ""},
			{fixture.Owner, fixture.OrderID, nil, "herald access: user_id must have 1 to 256 characters", ""},
			{fixture.Owner, fixture.OrderID, "", "herald access: user_id must have 1 to 256 characters", ""},
			{
				fixture.Owner, fixture.OrderID, strings.Repeat("u", 257), "herald access: user_id must have 1 to 256 characters",
				"",
			},
		} {
			_, err := b.Pool.Exec(t.Context(), "SELECT herald."+function+"($1, $2, $3)", test.policy, test.id, test.user)
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
	b.Relay(t) // the relay is not at its beginning
	tx := b.Begin(t)
	_, err := fixture.Insert(t, tx, fixture.Order())
	require.NoError(t, err)
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer), "not committed")
	b.Relay(t) // this transaction is a straggler now
	require.NoError(t, tx.Commit(t.Context()))
	requireOnlyCustomer := func() {
		t.Helper()
		require.True(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
		require.False(t, b.May(t, fixture.Owner, fixture.OrderID, "user-2"))
		require.False(t, b.May(t, fixture.Owner, fixture.RestaurantID, fixture.Customer))
		require.False(t, b.May(t, "MustBeTeamCartMember", fixture.OrderID, fixture.Customer))
		require.False(t, b.May(t, "MustBeRestaurantStaff", fixture.RestaurantID, fixture.Customer))
	}
	requireOnlyCustomer()
	b.Relay(t)
	requireOnlyCustomer()
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.access_grant"), "the relay noted it")
	b.Insert(t, fixture.Order())
	b.Relay(t)
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.access_grant"), "once")
}

// An event grants nothing unless it is the first event of an order that is delivered to its customer, neither before
// the relay has come to it nor after.
//
// Acceptance.
func TestEventsThatGrantNothing(t *testing.T) {
	t.Parallel()
	seen := uuid.New()
	for name, test := range map[string]struct {
		before, row fixture.Columns
		past        bool
	}{
		"an id that was relayed": {
			before: fixture.Cart(fixture.Columns{"event_id": seen}),
			row:    fixture.Order(fixture.Columns{"event_id": seen}),
		},
		"scheduled for later": {row: fixture.Order(
			fixture.Columns{"deliver_after": "9999-12-31 00:00:00+00"})},
		"for the restaurant alone": {row: fixture.Order(fixture.Columns{"audience": "Restaurant"})},
		"a payload without a number": {
			row:  fixture.Order(fixture.Columns{"payload": `{"status": "Placed"}`}),
			past: true,
		},
		"a payload whose time is none": {row: fixture.Order(
			fixture.Columns{"payload": `{"orderNumber": "YZ-1", "status": "Placed", "deliveredAt": "soon"}`}), past: true},
		"a payload that is none": {row: fixture.Order(fixture.Columns{"payload": `[]`}), past: true},
		"a time that is none": {
			row:  fixture.Order(fixture.Columns{"occurred_on_utc": "infinity"}),
			past: true,
		},
		"an unknown type": {
			row:  fixture.Order(fixture.Columns{"event_type": "OrderSplit"}),
			past: true,
		},
		"no restaurant": {row: fixture.Order(fixture.Columns{"restaurant_id": nil}), past: true},
		"another customer than the first event's": {
			before: fixture.Order(fixture.Columns{"customer_id": "user-2"}),
			row:    fixture.Order(),
		},
		"of a team cart with the id of an order": {row: fixture.Cart(fixture.Columns{
			"resource_id": fixture.OrderID,
			"customer_id": fixture.Customer,
		})},
		"an id that is dead": {before: fixture.Order(fixture.Columns{
			"resource_id": uuid.New(),
			"event_id":    seen, "payload": `{}`,
		}), row: fixture.Order(fixture.Columns{"event_id": seen})},
		"an id that is scheduled": {before: fixture.Cart(fixture.Columns{
			"event_id":      seen,
			"deliver_after": "2999-01-01 00:00:00+00",
		}), row: fixture.Order(fixture.Columns{"event_id": seen})},
		"an id of an unknown type, to be tried": {before: fixture.Order(fixture.Columns{
			"resource_id": uuid.New(),
			"event_id":    seen, "event_type": "OrderSplit",
		}), row: fixture.Order(fixture.Columns{"event_id": seen})},
		"an id that was relayed, for another order": {before: fixture.Order(fixture.Columns{
			"resource_id": uuid.New(),
			"event_id":    seen,
		}), row: fixture.Order(fixture.Columns{"event_id": seen})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, relayedBefore := range []bool{true, false} {
				b := setup(t)
				insert := b.Insert
				if test.before != nil {
					b.InsertPast(t, test.before)
				}
				if relayedBefore {
					b.Relay(t)
				}
				if test.past {
					insert = b.InsertPast
				}
				id := insert(t, test.row)
				require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer), "before the relay has come to it")
				b.Relay(t)
				if status := b.Status(t, id)[0]; status.Status == "relayed" && status.Group == event.OrderGroup(fixture.OrderID) &&
					test.before["customer_id"] != "user-2" {
					continue // published again in place of one that was never delivered: now it is the order's first
				}
				require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer), "behind it")
			}
		})
	}
}

// Acceptance: A-442.
func TestTheLowestOfSeveralFirstEventsCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.InsertPast(t, fixture.Order(fixture.Columns{"customer_id": "user-0", "payload": `{}`}))
	b.Insert(t, fixture.Order(fixture.Columns{"customer_id": "user-1"}))
	b.Insert(t, fixture.Order(fixture.Columns{"customer_id": "user-2"}))
	for range 2 {
		require.False(t, b.May(t, fixture.Owner, fixture.OrderID, "user-0"))
		require.True(t, b.May(t, fixture.Owner, fixture.OrderID, "user-1"))
		require.False(t, b.May(t, fixture.Owner, fixture.OrderID, "user-2"))
		b.Relay(t)
	}
}

// An event that was scheduled grants when it is delivered.
func TestScheduledFirstEventGrantsWhenItIsDelivered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.Insert(t, fixture.Order(fixture.Columns{"deliver_after": "2999-01-01 00:00:00+00"}))
	b.Relay(t)
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
	require.NoError(t, b.AppendLater(t, b.Ref(t, id)))
	require.True(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
}

func TestOtherFamiliesGrantNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Insert(t, fixture.Cart(fixture.Columns{"customer_id": fixture.Customer}))
	for range 2 {
		for _, policy := range []string{fixture.Owner, "MustBeTeamCartMember"} {
			require.False(t, b.May(t, policy, fixture.CartID, fixture.Customer))
		}
		b.Relay(t)
	}
}

// Acceptance: A-304.
func TestRevocationGoesBeforeWhatAnOrderImplies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Insert(t, fixture.Order())
	require.True(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
	b.Revoke(t, fixture.Owner, fixture.OrderID)
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer),
		"before the relay read the order's event")
	b.Relay(t)
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer), "behind it")
	b.Insert(t, fixture.Order(fixture.Columns{"event_type": "OrderStatusChanged"}))
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer),
		"the order goes on, the revocation stays")
	b.Relay(t)
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
	b.Grant(t, fixture.Owner, fixture.OrderID)
	require.True(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer), "until somebody grants it again")
}

func TestRevocationBeforeTheFirstEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Revoke(t, fixture.Owner, fixture.OrderID)
	b.Insert(t, fixture.Order())
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
	b.Relay(t)
	require.False(t, b.May(t, fixture.Owner, fixture.OrderID, fixture.Customer))
}

// A revocation goes through the same line as the events, so that no node misses it, and takes no number in the
// group.
func TestRevocationEntersTheLogWithoutANumber(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.Insert(t, fixture.Order())
	b.Revoke(t, fixture.Owner, fixture.OrderID)
	second := b.Insert(t, fixture.Order())
	b.Relay(t)
	require.Equal(t, int64(1), b.Status(t, first)[0].Sequence)
	require.Equal(t, int64(2), b.Status(t, second)[0].Sequence)
	revoked := b.Status(t,
		fixture.Scan[uuid.UUID](t, b.Pool, "SELECT event_id FROM herald.outbox WHERE event_type = 'AccessRevoked'"))
	require.Len(t, revoked, 1)
	require.Equal(t, int64(0), revoked[0].Sequence)
	require.Equal(t, event.OrderGroup(fixture.OrderID), revoked[0].Group)
	require.Equal(t, int64(3), revoked[0].Position, "behind the order's first event and before its second")
}
