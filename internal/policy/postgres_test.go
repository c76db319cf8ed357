package policy_test

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func execute(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// Acceptance.
func TestGrantsDecideWhereTheTokenIsSilent(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(t)
	c := checker(t, policy.Config{}, pool)
	user := &auth.Principal{Subject: "user-1"}

	for _, test := range []struct {
		policy string
		group  event.Group
	}{
		{event.MustBeOrderOwner, event.OrderGroup(resource)},
		{event.MustBeRestaurantOwner, event.RestaurantGroup(resource)},
		{event.MustBeRestaurantStaff, event.RestaurantGroup(resource)},
		{event.MustBeTeamCartMember, event.TeamCartGroup(resource)},
	} {
		require.Equal(t, policy.ErrForbidden, c.Authorize(t.Context(), user, test.group), test.policy)
		execute(t, pool, "SELECT herald.grant_access($1, $2, 'user-1')", test.policy, id)
		require.NoError(t, c.Authorize(t.Context(), user, test.group), test.policy)
		for _, foreign := range []event.Group{
			event.OrderGroup(elsewhere), event.RestaurantGroup(elsewhere), event.TeamCartGroup(elsewhere),
		} {
			require.Equal(t, policy.ErrForbidden, c.Authorize(t.Context(), user, foreign), test.policy)
		}
		require.Equal(t, policy.ErrForbidden, c.Authorize(t.Context(), &auth.Principal{Subject: "USER-1"}, test.group))
		execute(t, pool, "SELECT herald.revoke_access($1, $2, 'user-1')", test.policy, id)
		require.Equal(t, policy.ErrForbidden, c.Authorize(t.Context(), user, test.group), test.policy)
	}
}

// Acceptance: A-305.
func TestCustomerMayFollowTheOrderOnceItsFirstEventCommits(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(t)
	c := checker(t, policy.Config{}, pool)
	customer := &auth.Principal{Subject: "user-1"}

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, 'user-1')",
		id, other)
	require.NoError(t, err)
	require.Equal(t, policy.ErrForbidden, c.Authorize(t.Context(), customer, event.OrderGroup(resource)))
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, c.Authorize(t.Context(), customer, event.OrderGroup(resource)))
	require.Equal(t, policy.ErrForbidden,
		c.Authorize(t.Context(), &auth.Principal{Subject: "user-2"}, event.OrderGroup(resource)))
}

// The application's own function: its arguments, and that each question is one call to the database.
//
// Acceptance.
func TestConfiguredFunction(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(t)
	execute(t, pool, `
		CREATE SCHEMA app;
		CREATE TABLE app.asked (policy text, resource_id uuid, user_id text);
		CREATE FUNCTION app."CanJoin"(policy text, resource_id uuid, user_id text) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO app.asked VALUES (policy, resource_id, user_id);
			RETURN policy = 'MustBeRestaurantStaff';
		END $$;
		-- An overload that must not be mistaken for it.
		CREATE FUNCTION app."CanJoin"(policy text, resource_id text, user_id text) RETURNS boolean LANGUAGE sql RETURN true`)
	c := checker(t, policy.Config{Function: `app."CanJoin"`}, pool)
	hostile := `x'); DROP TABLE app.asked; --`

	require.NoError(t, c.Authorize(t.Context(), &auth.Principal{Subject: hostile}, event.RestaurantGroup(resource)))
	require.Equal(t, policy.ErrForbidden,
		c.Authorize(t.Context(), &auth.Principal{Subject: hostile}, event.OrderGroup(resource)))

	type question struct{ Policy, ResourceID, UserID string }
	rows, err := pool.Query(t.Context(), "SELECT policy, resource_id::text, user_id FROM app.asked")
	require.NoError(t, err)
	asked, err := pgx.CollectRows(rows, pgx.RowToStructByPos[question])
	require.NoError(t, err)
	require.Equal(t, []question{
		{event.MustBeRestaurantOwner, id, hostile},
		{event.MustBeRestaurantStaff, id, hostile},
		{event.MustBeOrderOwner, id, hostile},
	}, asked)
}

// Acceptance: A-307.
func TestFunctionsThatFailRefuse(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(t)
	execute(t, pool, `
		CREATE SCHEMA app;
		CREATE FUNCTION app.undecided(text, uuid, text) RETURNS boolean LANGUAGE sql RETURN NULL::boolean;
		CREATE FUNCTION app.failing(text, uuid, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;
		CREATE FUNCTION app.slow(text, uuid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true FROM pg_sleep(60)';
		CREATE FUNCTION app.wrong(text, uuid, text) RETURNS text LANGUAGE sql RETURN 'yes'`)
	for function, logged := range map[string]string{
		"app.undecided": "",
		"app.failing":   "out of order",
		"app.slow":      "no answer within 50ms",
		"app.wrong":     "boolean",
		"app.missing":   "does not exist",
	} {
		var log bytes.Buffer
		timeout := time.Minute
		if function == "app.slow" {
			timeout = 50 * time.Millisecond
		}
		c := checker(t, policy.Config{
			Function: function, Timeout: timeout, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}, pool)
		for _, g := range []event.Group{event.OrderGroup(resource), event.RestaurantGroup(resource)} {
			want := policy.ErrUndecided
			if logged == "" {
				want = policy.ErrForbidden
			}
			require.Equal(t, want, c.Authorize(t.Context(), &auth.Principal{Subject: "u"}, g), function)
		}
		if logged == "" {
			require.Empty(t, log.String(), function)
		}
		require.Contains(t, log.String(), logged)
	}
}

func TestSubjectThatPostgresCannotHold(t *testing.T) {
	t.Parallel()
	c := checker(t, policy.Config{Logger: slog.New(slog.DiscardHandler)}, pgtest.New(t).Pool(t))
	require.Equal(t, policy.ErrUndecided,
		c.Authorize(t.Context(), &auth.Principal{Subject: "a\x00b"}, event.OrderGroup(resource)))
}

// A question that waits for a connection has not reached the database: its time-out begins when it has one. It does
// not wait for ever.
//
// Acceptance: A-456.
func TestWaitingForAConnectionIsNotTheDatabasesAnswer(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	db := pgtest.New(t)
	pool := db.PoolWith(t, postgres.Options{MaxConns: 1})
	execute(t, pool, "SELECT herald.grant_access('MustBeOrderOwner', $1, 'u')", id)
	for name, cfg := range map[string]policy.Config{"asked": {}, "remembered": {Cache: time.Hour}} {
		cfg.Timeout, cfg.Logger = timeout, slog.New(slog.DiscardHandler)
		only, err := pool.Acquire(t.Context())
		require.NoError(t, err)
		c, answered := checker(t, cfg, pool), make(chan error, 1)
		go func() { answered <- authorize(t, c, "u", event.OrderGroup(resource)) }()
		select {
		case err := <-answered:
			require.FailNow(t, "a question without a connection was answered", "%s: %v", name, err)
		case <-time.After(5 * timeout):
		}
		only.Release()
		require.NoError(t, <-answered, name)

		only, err = pool.Acquire(t.Context())
		require.NoError(t, err)
		cfg.Wait = timeout
		require.Equal(t, policy.ErrUndecided, authorize(t, checker(t, cfg, pool), "u", event.OrderGroup(resource)), name)
		only.Release()
	}
}
