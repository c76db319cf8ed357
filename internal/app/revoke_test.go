package app_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/pgtest"
)

// Access is revoked and granted again before the node reads the revocation, and a client joins in between. The revocation, which is
// older than the client's permission, takes it out; it must not stay connected without events.
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
	_, err := outbox.Pause(t.Context(), pool, "so that the revocation is read late")
	require.NoError(t, err)
	exec("SELECT herald.revoke_access('MustBeTeamCartMember', $1, 'tester')")
	exec("SELECT herald.grant_access('MustBeTeamCartMember', $1, 'tester')")
	following, stop := context.WithCancel(t.Context())
	joined, received := make(chan struct{}, 8), make(chan hubclient.Event, 8)
	var follower sync.WaitGroup
	follower.Go(func() {
		sub := hubclient.Subscription{Group: event.TeamCartGroup(cart), LastEventID: &uuid.UUID{}}
		_ = hubclient.Follow(following, cfg, sub, func(e hubclient.Event) error { received <- e; return nil },
			hubclient.Hooks{OnResumed: func(hubclient.Result) { joined <- struct{}{} }})
	})
	defer follower.Wait()
	defer stop()
	within(t, joined, "joining")
	_, err = outbox.Resume(t.Context(), pool)
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

func within[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "waited in vain for "+what)
		panic("unreachable")
	}
}
