package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Acceptance,
//
func TestTeamCartEventsHaveTheirPositionalArguments(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	cart, orderID := uuid.New(), uuid.New()
	plain := d.connect(
		t, s.url+teamCartHub,
		mint(t, auth.Grant{Subject: "host", Permissions: []string{"TeamCartHost:" + cart.String()}}),
	)
	require.Equal(t, "null", plain.call(t, "SubscribeToCart", cart))
	resuming := d.connect(
		t, s.url+teamCartHub,
		mint(t, auth.Grant{Subject: "guest", Permissions: []string{"TeamCartMember:" + cart.String()}}),
	)
	const atStart = `{"status":"resumed","replayed":0,"lastEventId":"00000000-0000-0000-0000-000000000000","sequence":0}`
	require.JSONEq(t, atStart, resuming.call(t, "ResumeCart", cart, nil, true))
	strict, a := d.open(t, s.url+teamCartHub, options{
		Tokens: []string{
			mint(t, auth.Grant{Subject: "guest", Permissions: []string{"TeamCartMember:" + cart.String()}}),
		}, Strict: true,
	})
	require.Empty(t, a.Error)
	require.JSONEq(t, atStart, strict.call(t, "ResumeCart", cart, nil))

	const occurred = "2025-01-20T10:05:00Z"
	send := func(eventType string, userID, status any, order any) uuid.UUID {
		return publish(
			t, p, "publish_teamcart_event($1, $2, $3, $4, $5, $6)", eventType, cart, userID, status, order, occurred,
		)
	}
	sequence := 0
	var ids []uuid.UUID
	expect := func(method string, id uuid.UUID, args ...string) {
		t.Helper()
		sequence++
		ids = append(ids, id)
		plain.receives(t, method, args...)
		strict.receives(t, method, args...) // after ResumeCart, too, unless the cursor is asked for
		resuming.receives(
			t, method,
			append(args, fmt.Sprintf(`{"eventId":%q,"sequence":%d,"occurredOnUtc":%q}`, id, sequence, occurred))...,
		)
	}
	expect("ReceiveCartUpdated", send("CartUpdated", nil, nil, nil))
	expect("ReceiveLocked", send("CartLocked", nil, nil, nil))
	expect("ReceivePaymentEvent", send("CartPaymentEvent", "guest", "Paid", nil), `"guest"`, `"Paid"`)
	expect("ReceiveReadyToConfirm", send("CartReadyToConfirm", nil, nil, nil))
	expect("ReceiveConverted", send("CartConverted", nil, nil, orderID), strconv.Quote(orderID.String()))
	expect("ReceiveExpired", send("CartExpired", nil, nil, nil))

	// A replay carries the cursor if it is asked for, else only the document's arguments.
	plain.call(t, "UnsubscribeFromCart", cart)
	replayed := fmt.Sprintf(`{"status":"resumed","replayed":2,"lastEventId":%q,"sequence":6}`, ids[5])
	require.JSONEq(t, replayed, plain.call(t, "ResumeCart", cart, ids[3], true))
	plain.receives(t, "ReceiveConverted", strconv.Quote(orderID.String()),
		fmt.Sprintf(`{"eventId":%q,"sequence":5,"occurredOnUtc":%q}`, ids[4], occurred))
	plain.receives(t, "ReceiveExpired", fmt.Sprintf(`{"eventId":%q,"sequence":6,"occurredOnUtc":%q}`, ids[5], occurred))
	strict.call(t, "UnsubscribeFromCart", cart)
	require.JSONEq(t, replayed, strict.call(t, "ResumeCart", cart, ids[3]))
	strict.receives(t, "ReceiveConverted", strconv.Quote(orderID.String()))
	strict.receives(t, "ReceiveExpired")

	// A plain subscription after it does not carry the cursor.
	plain.call(t, "UnsubscribeFromCart", cart)
	plain.call(t, "SubscribeToCart", cart)
	send("CartUpdated", nil, nil, nil)
	plain.receives(t, "ReceiveCartUpdated")
	strict.receives(t, "ReceiveCartUpdated")
	resuming.next(t)
	resuming.quiet(t)
}

// Acceptance.
func TestTeamCartHubIsNotThereUnlessItIsSwitchedOn(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d := serve(t, dsn, "HERALD_FEATURE_TEAMCART=false"), drive(t)
	_, failure := d.open(t, s.url+teamCartHub, options{Tokens: []string{user(t, "alice")}})
	require.Contains(t, failure.Error, "Status code '404'")
	for _, path := range []string{teamCartHub, teamCartHub + "/negotiate?negotiateVersion=1"} {
		status, _ := request(t, http.MethodPost, s.url+path, user(t, "alice"), "")
		require.Equal(t, http.StatusNotFound, status)
	}
	d.connect(t, s.url+customerHub, user(t, "alice"))
}

// Acceptance.
func TestGrantsOpenATeamCartAndRevocationsCloseItOnEveryNode(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	dsn := db.DSN()
	d, p, owner := drive(t), produce(t, dsn), db.Pool(t)
	nodes := []*server{serve(t, dsn), serve(t, dsn)}
	cart := uuid.New()
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := owner.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	for _, subject := range []string{"host", "guest"} {
		exec("SELECT herald.grant_access('MustBeTeamCartMember', $1, $2)", cart, subject)
	}
	var hosts, guests []*client
	for _, node := range nodes {
		hosts = append(hosts, d.connect(t, node.url+teamCartHub, user(t, "host")))
		guests = append(guests, d.connect(t, node.url+teamCartHub, user(t, "guest")))
	}
	for i := range nodes {
		hosts[i].call(t, "ResumeCart", cart, nil, true)
		guests[i].call(t, "ResumeCart", cart, nil)
	}
	updated := func() { publish(t, p, "publish_teamcart_event('CartUpdated', $1)", cart) }
	updated()
	exec("SELECT herald.revoke_access('MustBeTeamCartMember', $1, 'guest')", cart)
	updated()
	for i := range nodes {
		guests[i].next(t)
		for sequence := range 2 {
			require.Contains(
				t, string(hosts[i].next(t).Args[0]), fmt.Sprintf(`"sequence":%d`, sequence+1), "the revocation takes no number",
			)
		}
		require.Equal(t, "An unexpected error occurred invoking 'ResumeCart' on the server. HubException: Forbidden",
			guests[i].refused(t, "ResumeCart", cart, nil))
		guests[i].quiet(t)
	}
}
