package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A new token whose rights cannot be checked ends no subscription without a word: the client is disconnected to come
// back, and misses nothing.
//
// Acceptance: A-278.
func TestRefreshTokenThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Pool(t).Exec(t.Context(), `CREATE SEQUENCE public.question;
		CREATE FUNCTION public.may_follow(policy text, resource_id uuid, user_id text) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			IF nextval('public.question') = 2 THEN RAISE EXCEPTION 'the second question'; END IF;
			RETURN true;
		END $$`)
	require.NoError(t, err)
	s, d, p := serve(t, db.DSN(), "HERALD_AUTHORIZE_FUNCTION=public.may_follow", "HERALD_AUTHORIZE_CACHE=0"), drive(t),
		produce(t, db.DSN())
	o := newOrder()
	c := d.followed(t, s.url+customerHub, user(t, "alice"), "ResumeOrder", o.id)
	require.Equal(t, "resumed", c.until(t, "resumed").Result.Status)
	first := o.changed(t, p, "Placed")
	require.Equal(t, delivery{first, 1}, received(c.next(t)))
	require.Contains(t, c.call(t, "RefreshToken", user(t, "alice")), "expiresAt")
	require.Contains(t, c.until(t, "reconnecting").Text, "permissions could not be checked")
	require.Equal(t, "resumed", c.until(t, "resumed").Result.Status)
	require.Contains(t, c.call(t, "RefreshToken", user(t, "alice")), "expiresAt", "and now it can be checked")
	second := o.changed(t, p, "Preparing")
	require.Equal(t, delivery{second, 2}, received(c.next(t)))
}

// A tail that was in a group tries again if it is refused, and goes on where it was.
//
// Acceptance: A-390.
func TestTailTriesAgainWhereItHasBeenLetIn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	nodes := []*server{serve(t, db.DSN()), serve(t, db.DSN())}
	through, p, owner := balance(t, nodes...), produce(t, db.DSN()), db.Pool(t)
	o := newOrder()
	exec := func(sql string) {
		t.Helper()
		_, err := owner.Exec(t.Context(), sql, o.id)
		require.NoError(t, err)
	}
	first := o.changed(t, p, "Placed")
	tail := start(
		t, nil, "tail", "order:"+o.id.String(), "--url="+through.url, "--token="+user(t, "alice"), "--beginning",
		"--json",
	)
	at := 0
	follows := func(want string) {
		t.Helper()
		var line string
		line, at = tail.out.await(t, at, "an event", func(string) bool { return true })
		var e struct{ EventID string }
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		require.Equal(t, want, e.EventID)
	}
	follows(first.String())
	exec("SELECT herald.revoke_access('MustBeOrderOwner', $1, 'alice')")
	nodes[0].kill(t)
	tail.logs.await(
		t, 0, "a word about the refusal", func(line string) bool { return strings.Contains(line, "is forbidden now") },
	)
	second := o.changed(t, p, "Preparing")
	exec("SELECT herald.grant_access('MustBeOrderOwner', $1, 'alice')")
	follows(second.String())

	stranger := start(t, nil, "tail", "order:"+o.id.String(), "--url="+through.url, "--token="+user(t, "mallory"))
	require.Equal(t, 1, stranger.ended(t), "who has never been let in is not kept waiting")
	_, logs := stranger.texts()
	require.Contains(t, logs, "Forbidden")
}
