package hostile_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// customer is a user whose token has no permissions.
type customer struct {
	name string
	cfg  hubclient.Config
}

// mayResume asks a node for the whole order, as the user.
func (c customer) mayResume(t *testing.T, order uuid.UUID) bool {
	t.Helper()
	cfg := c.cfg
	cfg.Token = func(context.Context) (string, error) {
		return auth.Mint(secret, auth.Grant{Subject: c.name, TTL: time.Hour})
	}
	conn, err := hubclient.Connect(t.Context(), cfg, "/hubs/customer-orders", func(hubclient.Invocation) {})
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Invoke(t.Context(), "ResumeOrder", order, uuid.Nil)
	if err != nil {
		require.ErrorContains(t, err, "HubException: Forbidden")
	}
	return err == nil
}

func eventStatus(t *testing.T, conn *pgx.Conn, id uuid.UUID) (status string) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT status FROM herald.event_status($1) LIMIT 1", id).Scan(&status))
	return status
}

// A producer publishes an event of another customer's order with a user of its own, in every way that the test's
// author could think of. That user joins no group of the order, neither at once nor later, and the order's customer
// stays.
//
// Acceptance.
func TestPublishingOpensNobodyElsesOrder(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var log written
	cfg := node(t, db, func(c *app.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	alice, mallory := customer{"alice", cfg}, customer{"mallory", cfg}
	owner, evil := db.Conn(t), producer(t, db)

	order, used := uuid.New(), uuid.New()
	const placed = "SELECT herald.publish_order_event($1, $2, 'YZ-1', 'Placed', gen_random_uuid(), $3, audience => $4, event_id => $5, deliver_after => $6)"
	exec(t, evil, placed, "OrderPlaced", order, "alice", "Both", used, nil)
	require.True(t, alice.mayResume(t, order), "in the moment of the commit")
	require.Eventually(t, func() bool { return eventStatus(t, owner, used) == "relayed" }, patience, 10*time.Millisecond)

	fresh := uuid.New // orders that no customer has placed
	for name, try := range map[string]func() uuid.UUID{
		"an id that exists": func() uuid.UUID {
			exec(t, evil, placed, "OrderPlaced", order, "mallory", "Both", used, nil)
			return order
		},
		"an id that exists, of an order of no events": func() uuid.UUID {
			o := fresh()
			exec(t, evil, placed, "OrderPlaced", o, "mallory", "Both", used, nil)
			return o
		},
		"in the year 9999": func() uuid.UUID {
			exec(t, evil, placed, "OrderPlaced", order, "mallory", "Both", nil, "9999-12-31 00:00:00+00")
			return order
		},
		"in the year 9999, of an order of no events": func() uuid.UUID {
			o := fresh()
			exec(t, evil, placed, "OrderPlaced", o, "mallory", "Both", nil, "9999-12-31 00:00:00+00")
			return o
		},
		"for the restaurant": func() uuid.UUID {
			exec(t, evil, placed, "OrderPlaced", order, "mallory", "Restaurant", nil, nil)
			return order
		},
		"for the restaurant, of an order of no events": func() uuid.UUID {
			o := fresh()
			exec(t, evil, placed, "OrderPlaced", o, "mallory", "Restaurant", nil, nil)
			return o
		},
		"an event that is delivered": func() uuid.UUID {
			exec(t, evil, placed, "OrderStatusChanged", order, "mallory", "Customer", nil, nil)
			return order
		},
		"one that cannot be delivered": func() uuid.UUID {
			exec(t, owner, "BEGIN; SET LOCAL session_replication_role = replica")
			insertPast(t, owner, odd{"resource_id", "'" + order.String() + "'"},
				odd{"customer_id", "'mallory'"}, odd{"payload", "'{}'"})
			exec(t, owner, "COMMIT")
			return order
		},
		"one that cannot be delivered, of an order of no events": func() uuid.UUID {
			o := fresh()
			exec(t, owner, "BEGIN; SET LOCAL session_replication_role = replica")
			insertPast(t, owner, odd{"resource_id", "'" + o.String() + "'"},
				odd{"customer_id", "'mallory'"}, odd{"payload", "'{}'"})
			exec(t, owner, "COMMIT")
			return o
		},
		"ids in a transaction that was rolled back": func() uuid.UUID {
			o := fresh()
			exec(t, evil, "BEGIN")
			exec(t, evil, placed, "OrderPlaced", o, "mallory", "Both", nil, nil)
			exec(t, evil, "ROLLBACK")
			return o
		},
		"the same id twice in one statement": func() uuid.UUID {
			o, id := fresh(), fresh()
			exec(t, evil,
				`SELECT herald.publish_order_event('OrderPlaced', o, 'YZ-1', 'Placed', gen_random_uuid(), 'mallory', event_id => $3)
				FROM unnest(ARRAY[$2, $1]::uuid[]) o`, o, fresh(), id)
			return o
		},
	} {
		target := try()
		require.False(t, mallory.mayResume(t, target), "%s: at once", name)
		exec(t, owner, "SELECT pg_notify('herald_outbox', '')")
		behind := uuid.New()
		exec(t, evil, "SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid(), event_id => $1)", behind)
		require.Eventually(t, func() bool { return eventStatus(t, owner, behind) == "relayed" },
			patience, 10*time.Millisecond)
		require.False(t, mallory.mayResume(t, target), "%s: when it has been relayed", name)
		require.True(t, alice.mayResume(t, order), name)
	}

	require.Eventually(t, func() bool {
		return strings.Contains(log.String(), "action=name_customer") &&
			strings.Contains(log.String(), "subject=mallory group=order:"+order.String())
	}, patience, 10*time.Millisecond, "whoever reads the audit log is told of the one that was delivered")
	scraped, err := http.Get(cfg.URL + "/metrics") //nolint:noctx // the test's own server
	require.NoError(t, err)
	defer scraped.Body.Close()
	body, err := io.ReadAll(scraped.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "\nherald_relay_other_customers_total 1\n")
}

// A login that is only a producer is told the state of an event and when it changed, whatever it sets. A login that
// may read the log, or acts as its owner, is told all.
//
// Acceptance: A-445.
func TestAProducerIsToldTheStateAlone(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	node(t, db, nil)
	owner, evil := db.Conn(t), producer(t, db)
	id := uuid.New()
	exec(t, evil,
		"SELECT herald.publish_order_event('OrderPlaced', gen_random_uuid(), 'YZ-1', 'Placed', gen_random_uuid(), 'alice', event_id => $1)", id)
	exec(t, evil, "SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid(), event_id => $1)", id)
	const told = `SELECT count(*), count(relayed_at), count(relayed_by) + count(group_name) + count(position) + count(sequence) + count(relayed_host)
		+ count(outbox_seq) + count(broadcasts) + count(detail) FROM herald.event_status($1)`
	ask := func(conn *pgx.Conn) (rows, times, more int) {
		require.NoError(t, conn.QueryRow(t.Context(), told, id).Scan(&rows, &times, &more))
		return rows, times, more
	}
	require.Eventually(t, func() bool { rows, _, _ := ask(owner); return rows == 3 }, patience, 10*time.Millisecond,
		"two places and a duplicate")
	for _, set := range []string{
		"SELECT 1", "SET ROLE herald_producer", "SET search_path = svc, pg_catalog",
		`CREATE FUNCTION svc.has_table_privilege(name, text, text)
		RETURNS boolean LANGUAGE sql RETURN true`,
	} {
		exec(t, evil, "RESET ROLE")
		exec(t, evil, set)
		rows, times, more := ask(evil)
		require.Equal(t, [3]int{1, 1, 0}, [3]int{rows, times, more}, set)
	}
	_, err := evil.Exec(t.Context(), "SELECT herald.event_story($1)", id)
	require.ErrorContains(t, err, "permission denied")
	_, err = evil.Exec(t.Context(), "SELECT herald.can_subscribe('MustBeOrderOwner', gen_random_uuid(), 'alice')")
	require.ErrorContains(t, err, "permission denied")

	exec(t, owner, "SET ROLE herald_producer")
	_, _, more := ask(owner)
	require.Positive(t, more, "a superuser is told all, whatever role it plays")
	exec(t, owner, "RESET ROLE")
	reader := login(t, db, "reader", "herald_producer")
	exec(t, owner, "GRANT USAGE ON SCHEMA herald TO "+reader.Config().User)
	exec(t, owner, "GRANT SELECT ON herald.event_log TO "+reader.Config().User)
	_, _, more = ask(reader)
	require.Positive(t, more, "who may read the log is told all")
}
