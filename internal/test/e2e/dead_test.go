package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// buryNow makes an event without an order number a dead letter. It is written past the check that would refuse it.
func buryNow(t *testing.T, db *pgxpool.Pool, o order) string {
	t.Helper()
	id := uuid.NewString()
	buryAs(t, db, o, id)
	return id
}

// buryAs is buryNow for an event with a given id.
func buryAs(t *testing.T, db *pgxpool.Pool, o order, id string) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		_, err := tx.Exec(
			t.Context(), `INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, payload)
			VALUES ($3, 'OrderPlaced', $1, $2, 'alice', '{"status": "Placed"}')`, o.id, o.restaurant, id)
		return err
	}))
	require.True(t, eventually(func() bool {
		var dead bool
		err := db.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM herald.dead_letter WHERE event_id = $1)", id).Scan(&dead)
		return err == nil && dead
	}))
}

// Dead letters are found, mended and delivered, or dropped, with the command line and over REST.
//
// Acceptance.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	dsn, pool := db.DSN(), db.Pool(t)
	s, d := serve(t, dsn), drive(t)
	env := settings(dsn)
	o := newOrder()
	c := d.connect(
		t, s.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.call(t, "SubscribeToOrder", o.id)
	run := func(want int, args ...string) (out, logs string) {
		t.Helper()
		code, out, logs := herald(t, env, append([]string{"dead"}, args...)...)
		require.Equal(t, want, code, "%v: %s%s", args, out, logs)
		return out, logs
	}
	out, _ := run(0, "list")
	require.Empty(t, out)
	first, second, third := buryNow(t, pool, o), buryNow(t, pool, o), buryNow(t, pool, o)
	out, _ = run(0, "list")
	require.Equal(t, 3, strings.Count(out, "payload: orderNumber is missing"))
	out, _ = run(0, "list", "--limit=1", "--json")
	require.Contains(t, out, `"eventId":"`+third+`","eventType":"OrderPlaced"`)
	require.Equal(t, 1, strings.Count(out, "eventId"))

	run(1, "retry")
	run(1, "retry", "--all", first)
	_, err := pool.Exec(t.Context(), `UPDATE herald.outbox SET payload = payload || '{"orderNumber": "YZ-1"}'`)
	require.NoError(t, err)
	out, logs := run(1, "retry", first, o.id.String())
	require.Equal(t, "retrying "+first, strings.TrimSpace(out))
	require.Contains(t, logs, o.id.String()+": the event is not a dead letter")
	require.Equal(t, first, received(c.next(t)).EventID.String())

	const path = "/api/admin/outbox/dead"
	status, answer := request(t, http.MethodGet, s.url+path, admin(t), "")
	require.Equal(t, http.StatusOK, status)
	require.Len(t, answer.decode(t)["deadLetters"], 2)
	status, _ = request(t, http.MethodGet, s.url+path, user(t, "alice"), "")
	require.Equal(t, http.StatusForbidden, status)
	status, _ = request(t, http.MethodPost, s.url+path+"/"+second+"/retry", admin(t), "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, second, received(c.next(t)).EventID.String())

	run(0, "drop", "--all")
	out, _ = run(0, "list")
	require.Empty(t, out)
	_, out, _ = herald(t, env, "trace", third)
	require.Contains(t, out, "dropped")
	status, _ = request(t, http.MethodDelete, s.url+path+"/"+third, admin(t), "")
	require.Equal(t, http.StatusNotFound, status)
}
