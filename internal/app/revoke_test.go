package app_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Access is revoked and granted again before the node reads the revocation, and a client joins in between. The
// revocation, which is older than the client's permission, removes the client from the group; the client must not
// stay connected without events.
func TestARevocationThatIsReadBehindTheNextGrant(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	cfg := node(t, db)
	cart := uuid.New()
	exec := func(sql string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql, cart)
		require.NoError(t, err)
	}
	_, err := relay.Pause(t.Context(), pool, "so that the revocation is read late")
	require.NoError(t, err)
	exec("SELECT herald.revoke_access('MustBeTeamCartMember', $1, 'tester')")
	exec("SELECT herald.grant_access('MustBeTeamCartMember', $1, 'tester')")
	f := follow(t, cfg, hubclient.Subscription{Group: event.TeamCartGroup(cart), LastEventID: &uuid.UUID{}})
	joined, received := f.joined, f.received
	within(t, joined, "joining")
	_, err = relay.Resume(t.Context(), pool)
	require.NoError(t, err)
	within(t, joined, "coming back, having been taken out")
	exec("SELECT herald.publish_teamcart_event('CartUpdated', $1)")
	require.Equal(t, int64(1), within(t, received, "the event").Sequence)

	exec("SELECT herald.revoke_access('MustBeTeamCartMember', $1, 'tester')")
	exec("SELECT herald.publish_teamcart_event('CartLocked', $1)")
	require.Eventually(t, func() bool {
		var relayed bool
		err := pool.QueryRow(t.Context(), `SELECT position >= 4 FROM herald.relay_state`).Scan(&relayed)
		return err == nil && relayed
	}, patience, time.Millisecond)
	require.Empty(t, received)
}

// A token with more rights than the database grants still opens the group: its member reconnects and misses
// nothing.
//
// Acceptance: A-311.
func TestARevokedMemberWhoseTokenStillOpensTheGroup(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	cart := uuid.New()
	cfg := node(t, db, "TeamCartMember:"+cart.String())
	sub := hubclient.Subscription{Group: event.TeamCartGroup(cart), LastEventID: &uuid.UUID{}}
	f := follow(t, cfg, sub)
	within(t, f.joined, "joining")
	for sequence := range int64(5) {
		_, err := pool.Exec(t.Context(),
			"SELECT herald.revoke_access('MustBeTeamCartMember', $1, 'tester'), herald.publish_teamcart_event('CartUpdated', $1)", cart)
		require.NoError(t, err)
		within(t, f.joined, "coming back")
		require.Equal(t, sequence+1, within(t, f.received, "the event").Sequence)
	}
}

// A node's memory of a permission ends when the node reads the revocation, not when the memory would have expired.
func TestARevocationEndsWhatANodeRemembers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	cart := uuid.New()
	sub := hubclient.Subscription{Group: event.TeamCartGroup(cart), LastEventID: &uuid.UUID{}}
	exec := func(sql string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql, cart)
		require.NoError(t, err)
	}
	cfg := node(t, db)
	other, err := auth.Mint(secret,
		auth.Grant{Subject: "other", Permissions: []string{"TeamCartHost:" + cart.String()}, TTL: time.Hour})
	require.NoError(t, err)
	witness := cfg
	witness.Token = func(context.Context) (string, error) { return other, nil }
	w := follow(t, witness, sub)
	within(t, w.joined, "joining")
	for range 3 {
		exec("SELECT herald.grant_access('MustBeTeamCartMember', $1, 'tester')")
		f := follow(t, cfg, sub)
		within(t, f.joined, "joining")
		f.stop()
		exec("SELECT herald.revoke_access('MustBeTeamCartMember', $1, 'tester'), herald.publish_teamcart_event('CartUpdated', $1)")
		within(t, w.received, "what was written behind the revocation")
		var refused *hubclient.HubError
		require.ErrorAs(t, within(t, follow(t, cfg, sub).ended, "the refusal"), &refused)
		require.True(t, refused.Forbidden())
	}
}

// A log that begins anew may have lost revocations, so the node asks again for remembered permissions.
func TestANewEpochEndsWhatANodeRemembers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	cart := uuid.New()
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	cfg := node(t, db)
	exec("SELECT herald.grant_access('MustBeTeamCartMember', $1, 'tester')", cart)
	f := follow(t, cfg, hubclient.Subscription{Group: event.TeamCartGroup(cart)})
	within(t, f.joined, "joining")
	exec("DELETE FROM herald.access_grant")
	exec("UPDATE herald.epoch SET timeline = '000000FF'") // as after a promotion
	_, _, err := relay.EnterEpoch(t.Context(), pool)      // unless the node's sweep was quicker
	require.NoError(t, err)
	exec("SELECT herald.publish_teamcart_event('CartUpdated', $1)", cart)
	refused, ok := errors.AsType[*hubclient.HubError](within(t, f.ended, "the refusal"))
	require.True(t, ok)
	require.True(t, refused.Forbidden())
}

// A revocation that is read later cannot take back the answer to a poll, so a poll is never answered from memory.
func TestAPollIsRefusedFromTheRevocationsCommitOn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	cart := uuid.New()
	cfg := node(t, db)
	poll := func() int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			cfg.URL+"/api/realtime/events?hub=teamcart&resource="+cart.String(), http.NoBody)
		require.NoError(t, err)
		token, err := cfg.Token(t.Context())
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Close = true
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, http.StatusForbidden, poll())
	_, err := pool.Exec(t.Context(), "SELECT herald.grant_access('MustBeTeamCartMember', $1, 'tester')", cart)
	require.NoError(t, err)
	within(t, follow(t, cfg, hubclient.Subscription{Group: event.TeamCartGroup(cart)}).joined, "joining")
	require.Equal(t, http.StatusOK, poll())
	_, err = relay.Pause(t.Context(), pool, "so that the revocation is not read")
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), "SELECT herald.revoke_access('MustBeTeamCartMember', $1, 'tester')", cart)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, poll())
}

// follower is a Follow under way.
type follower struct {
	joined   chan struct{}
	received chan hubclient.Event
	ended    chan error
	stop     context.CancelFunc
}

func follow(t *testing.T, cfg hubclient.Config, sub hubclient.Subscription) *follower {
	t.Helper()
	const many = 100
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	f := &follower{make(chan struct{}, many), make(chan hubclient.Event, many), make(chan error, 1), cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.ended <- hubclient.Follow(ctx, cfg, sub, func(e hubclient.Event) error { f.received <- e; return nil },
			hubclient.Hooks{OnResumed: func(hubclient.Result) { f.joined <- struct{}{} }})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return f
}
