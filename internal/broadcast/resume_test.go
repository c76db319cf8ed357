package broadcast

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/signalr"
)

// TestResult runs the same cases with a broadcaster that holds the events in its ring, and with one that has to read
// the log.
//
// Acceptance.
func TestResult(t *testing.T) {
	t.Parallel()
	for source, ring := range map[string]int64{SourceRing: 1 << 20, SourceLog: 1} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			bu := setup(t, Config{Settings: Settings{RingBytes: ring, ReplayLimit: 5}})
			none := Result{Status: Resumed}
			require.Equal(t, none, bu.resume(bu.client("live in an empty group"), cartGroup, eventlog.Cursor{}))
			require.Equal(t, none, bu.resume(bu.client("an empty group"), cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}))

			bu.publish(cartGroup, 3)
			third := bu.log.groups[cartGroup][2]
			whole := bu.client("whole")
			require.Equal(
				t, Result{Resumed, 3, third.ID, 3}, bu.resume(whole, cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}),
			)
			require.Equal(t, []int64{1, 2, 3}, whole.sequences(cartGroup))

			bu.publish(cartGroup, 4)
			last := bu.log.groups[cartGroup][6]
			live := bu.client("live")
			require.Equal(t, Result{Resumed, 0, last.ID, 7}, bu.resume(live, cartGroup, eventlog.Cursor{}))
			back := bu.client("back")
			require.Equal(t, Result{Resumed, 4, last.ID, 7}, bu.resume(back, cartGroup, after(third)))
			require.Equal(t, []int64{4, 5, 6, 7}, back.sequences(cartGroup))
			require.Equal(t, Result{Resumed, 0, last.ID, 7}, bu.resume(bu.client("up to date"), cartGroup, after(last)))

			gap := Result{Gap, 0, last.ID, 7}
			far := bu.client("far")
			require.Equal(t, gap, bu.resume(far, cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}))
			require.Equal(t, gap, bu.resume(bu.client("further"), cartGroup, after(bu.log.groups[cartGroup][0])))
			require.Equal(
				t, gap, bu.resume(bu.client("unknown"), cartGroup, eventlog.Cursor{Kind: eventlog.After, EventID: uuid.New()}),
			)
			foreign := bu.publish(orderGroup, 1)
			require.Equal(t, gap, bu.resume(bu.client("foreign"), cartGroup, after(foreign)))

			bu.publish(cartGroup, 1)
			require.Equal(t, []int64{8}, far.sequences(cartGroup))
			require.Equal(t, []int64{8}, live.sequences(cartGroup))
			require.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7, 8}, whole.sequences(cartGroup))
		})
	}
}

// Acceptance.
func TestEventsOlderThanTheRetentionAreAGap(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}})
	bu.publish(cartGroup, 6)
	entries := bu.log.groups[cartGroup]
	bu.log.cut[cartGroup] = 3
	require.Equal(t, Gap, bu.resume(bu.client("cut"), cartGroup, after(entries[1])).Status)
	beginning := bu.client("beginning")
	require.Equal(
		t, Result{Resumed, 3, entries[5].ID, 6},
		bu.resume(beginning, cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}),
	)
	require.Equal(t, []int64{4, 5, 6}, beginning.sequences(cartGroup))

	// The retention runs between locating the cursor and reading what follows it.
	bu.log.between = func(call string) error {
		if call == "read" {
			bu.log.cut[cartGroup] = 5
		}
		return nil
	}
	require.Equal(t, Result{Gap, 0, entries[5].ID, 6}, bu.resume(bu.client("torn"), cartGroup, after(entries[3])))
}

// A group without events for longer than the retention keeps its numbering, and a client that joins it meanwhile has
// a cursor.
//
// Acceptance.
func TestGroupWhoseEventsHaveAllBeenDropped(t *testing.T) {
	t.Parallel()
	for source, ring := range map[string]int64{SourceRing: 1 << 20, SourceLog: 1} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			bu := setup(t, Config{})
			bu.publish(cartGroup, 6)
			dropped := bu.log.groups[cartGroup][4]
			bu.log.cut[cartGroup] = 6
			position := bu.Position()
			bu = restarted(bu, Config{Settings: Settings{RingBytes: ring}}) // a new broadcaster that knows nothing of the group
			bu.Start(position)

			nothing := Result{Resumed, 0, uuid.Nil, 6}
			live, beginning := bu.client("live"), bu.client("beginning")
			require.Equal(t, nothing, bu.resume(live, cartGroup, eventlog.Cursor{}))
			require.Equal(t, nothing, bu.resume(beginning, cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}))
			require.Equal(t, Result{Gap, 0, uuid.Nil, 6}, bu.resume(bu.client("old"), cartGroup, after(dropped)))

			last := bu.publish(cartGroup, 2)
			require.Equal(t, []int64{7, 8}, live.sequences(cartGroup))
			require.Equal(t, []int64{7, 8}, beginning.sequences(cartGroup))
			back := bu.client("back")
			require.Equal(
				t, Result{Resumed, 2, last.ID, 8}, bu.resume(back, cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}),
			)
			require.Equal(
				t, []int64{7, 8}, back.sequences(cartGroup), "the cursor that they were given replays what came since",
			)
		})
	}
}

// After the retention of groups, an event may be the first of its group again while members wait for the event that
// follows the last one.
//
// Acceptance: A-252.
func TestNumberingThatBeginsAnew(t *testing.T) {
	t.Parallel()
	for source, ring := range map[string]int64{SourceRing: 1 << 20, SourceLog: 1} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			bu := setup(t, Config{Settings: Settings{RingBytes: ring}})
			subscribed, resumed := bu.client("subscribed"), bu.client("resumed")
			require.NoError(t, bu.Subscribe(subscribed, cartGroup, event.Plain))
			bu.publish(cartGroup, 3)
			require.Equal(t, int64(3), bu.resume(resumed, cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}).Sequence)
			late := bu.client("late")
			require.NoError(t, bu.Subscribe(late, cartGroup, event.Plain))

			bu.log.groups[cartGroup] = nil
			first := bu.publish(cartGroup, 1)
			require.Equal(t, int64(1), first.Sequence)
			require.Equal(t, []int64{1, 2, 3, 1}, subscribed.sequences(cartGroup))
			require.Equal(t, []int64{1, 2, 3}, resumed.sequences(cartGroup))
			require.Equal(t, "the group's events are numbered anew", resumed.closeReason())
			require.Equal(t, 1, bu.dropped(DroppedRenumbered))

			back := bu.client("back")
			require.Equal(
				t, Result{Resumed, 1, first.ID, 1}, bu.resume(back, cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}),
			)
			second := bu.publish(cartGroup, 1)
			require.Equal(t, []int64{1, 2}, back.sequences(cartGroup))
			require.Equal(t, Result{Resumed, 0, second.ID, 2}, bu.resume(subscribed, cartGroup, after(second)))
			require.Equal(t, []int64{1, 2, 3, 1, 2}, subscribed.sequences(cartGroup), "what it has had does not come again")

			last := bu.publish(cartGroup, 3)
			require.Equal(
				t, Result{Resumed, 4, last.ID, 5}, bu.resume(late, cartGroup, after(first)), "all that it says it lacks",
			)
		})
	}
}

// A client that has the newest event lacks nothing, even if neither ring nor log still holds that event.
func TestCursorThatIsTheHeadIsNoGapWhenItsEventIsDropped(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}})
	c := bu.client("stays") // keeps the group known
	bu.resume(c, cartGroup, eventlog.Cursor{})
	last := bu.publish(cartGroup, 3)
	bu.log.cut[cartGroup] = 3
	require.Equal(t, Result{Resumed, 0, last.ID, 3}, bu.resume(bu.client("back"), cartGroup, after(last)))
	require.Equal(
		t, Result{Gap, 0, last.ID, 3}, bu.resume(bu.client("behind"), cartGroup, after(bu.log.groups[cartGroup][1])),
	)
}

// TestCursorAheadOfThisNode: the client comes from a node that had broadcast more. Events that it has must not come
// again.
func TestCursorAheadOfThisNode(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	bu.publish(cartGroup, 2)
	bu.log.publish(cartGroup)
	fourth := bu.log.publish(cartGroup)
	bu.log.publish(cartGroup)
	c := bu.client("c")
	require.Equal(t, Result{Resumed, 0, fourth.ID, 4}, bu.resume(c, cartGroup, after(fourth)))
	bu.publish(cartGroup, 1)
	require.Equal(t, []int64{5, 6}, c.sequences(cartGroup))
}

func TestResumeOfAMemberThatIsLive(t *testing.T) {
	t.Parallel()
	for source, ring := range map[string]int64{SourceRing: 1 << 20, SourceLog: 1} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			bu := setup(t, Config{Settings: Settings{RingBytes: ring}})
			bu.publish(cartGroup, 4)
			at := func(sequence int) eventlog.Cursor { return after(bu.log.groups[cartGroup][sequence-1]) }
			c := bu.client("c")
			require.NoError(t, bu.Subscribe(c, cartGroup, event.Plain))
			bu.publish(cartGroup, 2)
			require.Equal(t, []int64{5, 6}, c.sequences(cartGroup))

			require.Equal(t, 0, bu.resume(c, cartGroup, at(4)).Replayed, "it lacks nothing")
			require.Equal(t, 2, bu.resume(c, cartGroup, at(2)).Replayed, "only what it lacks")
			require.Equal(t, []int64{5, 6, 3, 4}, c.sequences(cartGroup))
			require.Equal(t, 4, bu.resume(c, cartGroup, at(2)).Replayed, "it goes back")
			require.Equal(t, 1, bu.resume(c, cartGroup, at(5)).Replayed, "it goes back")
			require.Equal(t, []int64{5, 6, 3, 4, 3, 4, 5, 6, 6}, c.sequences(cartGroup))
			bu.publish(cartGroup, 1)
			require.Equal(t, []int64{5, 6, 3, 4, 3, 4, 5, 6, 6, 7}, c.sequences(cartGroup))
			require.Equal(t, event.WithCursor, c.got[len(c.got)-1].shape)
			require.NoError(t, bu.Resume(c.ctx, c, cartGroup, at(3), event.Plain, func(Result) {}))
			require.Equal(t, event.Plain, c.got[len(c.got)-1].shape, "the newest wish holds, for the replay")
			bu.publish(cartGroup, 1)
			require.Equal(t, event.Plain, c.got[len(c.got)-1].shape, "and for what follows")
			require.Equal(t, 1, bu.Members(cartGroup))
		})
	}
}

// Acceptance.
func TestLiveEventsWaitForTheEndOfTheReplay(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}})
	first := bu.publish(cartGroup, 1)
	bu.publish(cartGroup, 2)
	bu.log.between = func(string) error { bu.publish(cartGroup, 1); return nil }
	c := bu.client("c")
	var before []int64
	require.NoError(t, bu.Resume(c.ctx, c, cartGroup, after(first), event.Plain, func(r Result) {
		before = c.sequences(cartGroup)
		require.Equal(t, Result{Resumed, 2, bu.log.groups[cartGroup][2].ID, 3}, r)
	}))
	require.Equal(t, []int64{2, 3}, before)
	require.Equal(t, []int64{2, 3, 4, 5, 6}, c.sequences(cartGroup))
}

// Acceptance: A-246.
func TestTooManyEventsDuringAReplay(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}, PendingBytes: 500})
	first := bu.publish(cartGroup, 1)
	bu.log.between = func(call string) error {
		if call == "locate" {
			bu.publish(cartGroup, 20)
		}
		return nil
	}
	c := bu.client("c")
	err := bu.Resume(c.ctx, c, cartGroup, after(first), event.Plain, func(Result) { t.Error("joined") })
	require.ErrorIs(t, err, ErrDisconnected)
	require.Contains(t, c.closeReason(), "replay")
	require.Zero(t, bu.Members(cartGroup))
	require.Equal(t, 1, bu.dropped(DroppedPending))
}

func TestLeavingDuringAReplay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		leave func(*bundle, *client)
		want  error
	}{
		"revoked": {func(bu *bundle, c *client) { bu.log.revoke(cartGroup, c.user); bu.catchUp() }, ErrRevoked},
		"unsubscribed": {
			func(bu *bundle, c *client) { bu.Unsubscribe(c, cartGroup) }, ErrUnsubscribed,
		},
		"disconnected": {func(bu *bundle, c *client) { c.end(); bu.Disconnect(c) }, ErrDisconnected},
	} {
		for _, during := range []string{"head", "locate", "read"} {
			t.Run(name+" at "+during, func(t *testing.T) {
				t.Parallel()
				bu := setup(t, Config{Settings: Settings{RingBytes: 1}})
				first := bu.publish(cartGroup, 1)
				bu.publish(cartGroup, 3)
				c := bu.client("c")
				bu.log.between = func(call string) error {
					if call == during {
						test.leave(bu, c)
					}
					return nil
				}
				err := bu.Resume(c.ctx, c, cartGroup, after(first), event.Plain, func(Result) { t.Error("joined") })
				require.ErrorIs(t, err, test.want)
				require.Zero(t, bu.Members(cartGroup))
				require.Empty(t, c.sequences(cartGroup))
			})
		}
	}
	var refusal *signalr.HubError
	require.ErrorAs(t, ErrRevoked, &refusal)
	require.Equal(t, "Forbidden", refusal.Message)
}

func TestOneReplayOfAGroupAtATime(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}})
	first := bu.publish(cartGroup, 1)
	c := bu.client("c")
	var second error
	bu.log.between = func(string) error {
		second = bu.Resume(c.ctx, c, cartGroup, eventlog.Cursor{}, event.Plain, nil)
		return nil
	}
	bu.resume(c, cartGroup, after(first))
	require.ErrorIs(t, second, ErrResuming)
}

func TestFailingHistoryLeavesThingsAsTheyWere(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}})
	first := bu.publish(cartGroup, 1)
	fresh, member := bu.client("fresh"), bu.client("member")
	require.NoError(t, bu.Subscribe(member, cartGroup, event.Plain))
	bu.publish(cartGroup, 1)
	away := errors.New("the database is away")
	bu.log.between = func(call string) error {
		if call != "locate" {
			return nil
		}
		bu.publish(cartGroup, 1)
		return away
	}
	for _, c := range []*client{fresh, member} {
		require.ErrorIs(t, bu.Resume(c.ctx, c, cartGroup, after(first), event.WithCursor, nil), away)
	}
	require.Equal(t, 1, bu.Members(cartGroup))
	bu.publish(cartGroup, 1)
	require.Empty(t, fresh.sequences(cartGroup))
	require.Equal(t, []int64{2, 3, 4, 5}, member.sequences(cartGroup))
	require.Equal(t, event.Plain, member.got[3].shape)
}

func TestHistoryHasATimeLimit(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}, HistoryTimeout: time.Millisecond})
	bu.Broadcaster.log = hanging{}
	c := bu.client("c")
	require.ErrorIs(t, bu.Resume(c.ctx, c, cartGroup, eventlog.Cursor{}, event.Plain, nil), context.DeadlineExceeded)
	require.Zero(t, bu.Members(cartGroup))
}

type hanging struct{ *eventLog }

func (hanging) Head(ctx context.Context, _ event.Group, _ int64) (uuid.UUID, int64, error) {
	<-ctx.Done()
	return uuid.Nil, 0, ctx.Err()
}

func TestLongReplayGoesAtTheClientsPace(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}, ReplayBytes: 4000})
	for range 300 {
		bu.log.publishPadded(cartGroup, 100)
	}
	bu.catchUp()
	c := bu.client("c")
	c.limit = 8000 // far less than the replay
	c.setStuck(true)
	waits := 0
	c.waiting = func() {
		waits++
		c.setStuck(false) // it reads everything, and stops again
		c.setStuck(true)
	}
	result := bu.resume(c, cartGroup, eventlog.Cursor{Kind: eventlog.Beginning})
	require.Equal(t, 300, result.Replayed)
	require.Equal(t, span64(1, 300), c.sequences(cartGroup))
	require.Greater(t, waits, 10)
}

func TestClientThatDoesNotReadItsReplay(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}, ReplayBytes: 4000, DrainTimeout: time.Millisecond})
	for range 300 {
		bu.log.publishPadded(cartGroup, 100)
	}
	bu.catchUp()
	c := bu.client("c")
	c.setStuck(true)
	err := bu.Resume(c.ctx, c, cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}, event.Plain, nil)
	require.ErrorIs(t, err, ErrDisconnected)
	require.Contains(t, c.closeReason(), "did not read")
	require.Zero(t, bu.Members(cartGroup))
	require.Equal(t, 1, bu.dropped(DroppedDrain))
}

// TestRingThatDoesNotFitIntoTheQueue: events from memory too are sent at the client's pace.
func TestRingThatDoesNotFitIntoTheQueue(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{ReplayBytes: 4000})
	for range 100 {
		bu.log.publishPadded(cartGroup, 100)
	}
	bu.catchUp()
	require.Equal(t, 100, bu.resume(bu.client("c"), cartGroup, eventlog.Cursor{Kind: eventlog.Beginning}).Replayed)
	require.Equal(t, 1, bu.counted("resumes_total", SourceLog))
	require.Equal(t, 1, bu.counted("resumes_total"))
}
