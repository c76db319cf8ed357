package broadcast

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/signalr"
)

func TestBatchThatDoesNotContinueIsRefusedWhole(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	bu.Start(10)
	c := bu.client("c")
	require.NoError(t, bu.Subscribe(c, cartGroup, event.Plain))
	at := func(positions ...int64) (batch []event.Logged) {
		for i, p := range positions {
			l := bu.log.publish(cartGroup)
			l.Position, l.Sequence = p, int64(i+1)
			batch = append(batch, l)
		}
		return batch
	}
	for _, positions := range [][]int64{{10}, {12}, {11, 13}, {11, 11}} {
		require.ErrorIs(t, bu.Broadcast(t.Context(), at(positions...)), ErrNotContiguous, "%v", positions)
	}
	require.EqualValues(t, 10, bu.Position())
	require.Empty(t, c.sequences(cartGroup))
	require.NoError(t, bu.Broadcast(t.Context(), at(11, 12)))
	require.EqualValues(t, 12, bu.Position())
	require.Equal(t, []int64{1, 2}, c.sequences(cartGroup))
}

func TestMessageIsBuiltOncePerShapeAndOnlyWhenNeeded(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	bu.publish(cartGroup, 1)
	require.Zero(t, bu.messages.count.Load(), "nobody is in the group")
	for _, id := range []string{"a", "b", "c", "d"} {
		require.NoError(t, bu.Subscribe(bu.client(id), cartGroup, event.Shape(len(id)%2)))
		require.NoError(t, bu.Subscribe(bu.client(id+"2"), cartGroup, event.Shape(len(id+"2")%2)))
		require.NoError(t, bu.Subscribe(bu.client(id+"3"), orderGroup, event.Plain))
		require.NoError(t, bu.Subscribe(bu.client(id+"4"), orderGroup, event.WithCursor))
	}
	bu.publish(cartGroup, 1)
	require.EqualValues(t, 2, bu.messages.count.Load())
	bu.publish(orderGroup, 1)
	require.EqualValues(t, 3, bu.messages.count.Load(), "an order's shapes are one")
	require.Equal(t, 16, bu.counted("broadcast_messages_total"))
}

// Acceptance: A-210.
func TestSubscribingTwiceDeliversOnce(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	c := bu.client("c")
	for range 2 {
		require.NoError(t, bu.Subscribe(c, cartGroup, event.Plain))
	}
	bu.publish(cartGroup, 1)
	require.Equal(t, []int64{1}, c.sequences(cartGroup))
	for range 2 {
		bu.Unsubscribe(c, cartGroup)
	}
	bu.publish(cartGroup, 1)
	require.Equal(t, []int64{1}, c.sequences(cartGroup))
	require.Zero(t, bu.Members(cartGroup))
}

// Acceptance: A-164.
func TestClientThatDoesNotReadDelaysNobody(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	stuck, other := bu.client("stuck"), bu.client("other")
	stuck.limit = 1000
	stuck.setStuck(true)
	require.NoError(t, bu.Subscribe(stuck, cartGroup, event.Plain))
	require.NoError(t, bu.Subscribe(other, cartGroup, event.Plain))
	bu.publish(cartGroup, 100)
	require.Len(t, other.sequences(cartGroup), 100)
	require.Equal(t, "queue is full", stuck.closeReason())
	require.Equal(t, 1, bu.Members(cartGroup))
	require.Equal(t, 1, bu.dropped(DroppedQueue))
}

func TestConnectionsAreLimitedInGroups(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{MaxGroups: 2}})
	c := bu.client("c")
	require.NoError(t, bu.Subscribe(c, cartGroup, event.Plain))
	require.NoError(t, bu.Subscribe(c, orderGroup, event.Plain))
	var refusal *signalr.HubError
	require.ErrorAs(t, bu.Subscribe(c, event.Alerts, event.Plain), &refusal)
	require.ErrorIs(t, bu.Resume(c.ctx, c, event.Alerts, eventlog.Cursor{}, event.Plain, nil), ErrTooManySubscriptions)
	require.NoError(t, bu.Subscribe(c, cartGroup, event.Plain), "a member already")
	bu.Unsubscribe(c, cartGroup)
	require.NoError(t, bu.Subscribe(c, event.Alerts, event.Plain))
	require.ElementsMatch(t, []event.Group{orderGroup, event.Alerts}, bu.Groups(c))
	require.EqualValues(t, 2, bu.Stats().Groups, "refused groups leave nothing behind")
}

func TestClosedConnectionCannotJoin(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	c := bu.client("c")
	require.NoError(t, bu.Subscribe(c, orderGroup, event.Plain))
	c.end()
	bu.Disconnect(c)
	require.ErrorIs(t, bu.Subscribe(c, cartGroup, event.Plain), ErrDisconnected)
	require.ErrorIs(t, bu.Resume(c.ctx, c, cartGroup, eventlog.Cursor{}, event.Plain, func(Result) {}), ErrDisconnected)
	require.Zero(t, bu.Stats().Members)
	require.Zero(t, bu.Stats().Groups)
	require.Nil(t, bu.known(c))
}

func TestMemoryFollowsMembersAndRing(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 10_000}})
	c := bu.client("c")
	for range 100 {
		g := event.OrderGroup(uuid.New())
		require.NoError(t, bu.Subscribe(c, g, event.Plain))
		bu.publish(g, 3)
		bu.Unsubscribe(c, g)
	}
	stats := bu.Stats()
	require.LessOrEqual(t, stats.RingBytes, int64(10_000))
	require.Positive(t, stats.RingEntries)
	require.LessOrEqual(t, stats.Groups, stats.RingEntries)
	bu.cfg.RingBytes = 1
	bu.publish(cartGroup, 1)
	require.Equal(t, Stats{}, bu.Stats())
	require.Nil(t, bu.ring.oldest)
	require.Nil(t, bu.ring.newest)
}

func TestUndeliverableEventIsPassedOver(t *testing.T) {
	t.Parallel()
	for name, ring := range map[string]int64{SourceRing: 1 << 20, SourceLog: 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bu := setup(t, Config{Settings: Settings{RingBytes: ring}})
			c := bu.client("c")
			require.NoError(t, bu.Subscribe(c, orderGroup, event.Plain))
			first := bu.publish(orderGroup, 1)
			bad := bu.log.publish(orderGroup)
			bad.Payload = json.RawMessage(`{}`)
			bu.publish(orderGroup, 1)
			require.Equal(t, []int64{1, 3}, c.sequences(orderGroup))
			require.Equal(t, 1, bu.counted("broadcast_undeliverable_total"))
			require.EqualValues(t, 3, bu.Position())

			back := bu.client("back")
			result := bu.resume(back, orderGroup, after(first))
			require.Equal(t, []int64{3}, back.sequences(orderGroup))
			require.Equal(t, 1, result.Replayed)
			require.EqualValues(t, 3, result.Sequence)
			require.Equal(t, 1, bu.counted("resumes_total", name))
			require.Equal(t, 1, bu.counted("resumes_total"))
		})
	}
}

func TestSequenceWithAHoleIsNotReplayedFromTheRing(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	first := bu.publish(cartGroup, 1)
	bu.log.publish(cartGroup)
	third := bu.log.publish(cartGroup)
	third.Position = 2
	require.NoError(t, bu.Broadcast(t.Context(), []event.Logged{third}))
	bu.log.cut[cartGroup] = 2
	require.Equal(t, Gap, bu.resume(bu.client("c"), cartGroup, after(first)).Status)
	require.EqualValues(t, 1, bu.Stats().RingEntries)
	bu.cfg.RingBytes = 1
	bu.flush()
	require.Zero(t, bu.Stats().RingBytes)
}

// Acceptance: A-309.
func TestRevocationTakesTheUsersConnectionsOut(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	one, two, other := bu.client("one"), bu.client("two"), bu.client("other")
	two.user = one.user
	for _, c := range []*client{one, two, other} {
		require.NoError(t, bu.Subscribe(c, orderGroup, event.Plain))
		require.NoError(t, bu.Subscribe(c, cartGroup, event.Plain))
	}
	bu.log.publish(orderGroup)
	bu.log.revoke(orderGroup, one.user)
	bu.log.publish(orderGroup)
	bu.log.publish(cartGroup)
	bu.catchUp()
	for _, c := range []*client{one, two} {
		require.Equal(t, []int64{1}, c.sequences(orderGroup))
		require.Equal(t, []int64{1}, c.sequences(cartGroup))
		require.Equal(t, []event.Group{cartGroup}, bu.Groups(c))
	}
	require.Equal(t, []int64{1, 2}, other.sequences(orderGroup))
	require.Equal(t, 2, bu.dropped(DroppedRevoked))
}

func TestUnreadableRevocationSparesNobody(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	c := bu.client("c")
	require.NoError(t, bu.Subscribe(c, orderGroup, event.Plain))
	l := bu.log.revoke(orderGroup, "somebody")
	l.Payload = json.RawMessage(`[]`)
	bu.catchUp()
	require.Zero(t, bu.Members(orderGroup))
	require.Equal(t, "permissions have changed", c.closeReason())
}

func TestAdmissionIsStaleAfterARevocation(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	c := bu.client("c")
	admission := bu.Admit(orderGroup)
	bu.log.revoke(orderGroup, c.user) // handled between the check of the permission and the join
	bu.catchUp()
	require.ErrorIs(t, admission.Subscribe(c, event.Plain), ErrStale)
	require.ErrorIs(t, admission.Resume(c.ctx, c, eventlog.Cursor{}, event.Plain, nil), ErrStale)
	require.Zero(t, bu.Stats().Members)
	require.NoError(t, bu.Admit(orderGroup).Subscribe(c, event.Plain))
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Settings: Settings{RingBytes: -1}}, newEventLog())
	require.ErrorContains(t, err, "negative")
	_, err = New(Config{}, nil)
	require.ErrorContains(t, err, "log")
}

// quiet is a connection that accepts every message.
type quiet struct{ ctx context.Context }

func (*quiet) ID() string                                 { return "quiet" }
func (*quiet) User() signalr.User                         { return user("quiet") }
func (q *quiet) Context() context.Context                 { return q.ctx }
func (*quiet) Send(*signalr.Message) error                { return nil }
func (*quiet) Queue(*signalr.Message) (bool, error)       { return true, nil }
func (*quiet) Flush()                                     {}
func (*quiet) WaitQueue(context.Context, int) error       { return nil }
func (*quiet) CloseFor(signalr.CloseReason, string, bool) {}

//nolint:paralleltest // it counts the process's allocations
func TestMembersCostNoAllocation(t *testing.T) {
	allocations := func(members int) float64 {
		b, err := New(Config{Logger: discard()}, newEventLog())
		require.NoError(t, err)
		for range members {
			require.NoError(t, b.Subscribe(&quiet{t.Context()}, orderGroup, event.Plain))
		}
		l := newEventLog().publish(orderGroup)
		return testing.AllocsPerRun(200, func() {
			require.NoError(t, b.Broadcast(t.Context(), []event.Logged{l}))
			l.Position++
			l.Sequence++
		})
	}
	require.InDelta(t, allocations(1), allocations(1000), 1)
}
