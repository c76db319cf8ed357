package broadcast

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

func TestResetMakesEverybodyResume(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	one, two, outside := bu.client("one"), bu.client("two"), bu.client("outside")
	for _, c := range []*client{one, two} {
		require.NoError(t, bu.Subscribe(c, cartGroup, event.WithCursor))
		require.NoError(t, bu.Subscribe(c, orderGroup, event.WithCursor))
	}
	kept := bu.publish(cartGroup, 3)
	lost := bu.publish(cartGroup, 2)
	bu.log.truncate(int(kept.Position))
	bu.Reset(t.Context(), kept.Position)
	require.Equal(t, kept.Position, bu.Position())
	require.Equal(t, Stats{}, bu.Stats())
	require.Nil(t, bu.ring.oldest)
	require.Equal(t, "the event log was restored", one.closed)
	require.Equal(t, "the event log was restored", two.closed)
	require.Empty(t, outside.closed)
	require.Equal(t, 4, bu.counted("subscriptions_dropped_total", DroppedReset))

	after := bu.publish(cartGroup, 1)
	require.Equal(t, lost.Position-1, after.Position, "a position that had been given")
	require.Len(t, one.sequences(cartGroup), 5, "it is sent no more")
	back := bu.client("back")
	require.Equal(
		t, Gap, bu.resume(back, cartGroup, eventlog.Cursor{Kind: eventlog.After, EventID: lost.ID}).Status,
		"what it has seen last is lost",
	)
	again := bu.client("again")
	require.Equal(t, 1, bu.resume(again, cartGroup, eventlog.Cursor{Kind: eventlog.After, EventID: kept.ID}).Replayed)
}

// An event that clients may have seen in another order is no cursor, even if the ring holds it.
func TestADoubtfulEventInTheRingIsLeftToTheLog(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	l := bu.log.publish(cartGroup)
	l.Doubtful = true
	require.NoError(t, bu.Broadcast(t.Context(), []event.Logged{l}))
	next := bu.log.publish(cartGroup)
	require.NoError(t, bu.Broadcast(t.Context(), []event.Logged{next}))
	bu.log.groups[cartGroup][0].Doubtful = true
	require.Equal(
		t, Gap, bu.resume(bu.client("c"), cartGroup, eventlog.Cursor{Kind: eventlog.After, EventID: l.ID}).Status,
	)
	require.Equal(
		t, Resumed, bu.resume(bu.client("d"), cartGroup, eventlog.Cursor{Kind: eventlog.After, EventID: next.ID}).Status,
	)
}

// A client that joins during a reset either joins at the new position or has to come back.
func TestJoiningDuringResets(t *testing.T) {
	t.Parallel()
	bu := setup(t, Config{})
	first := bu.publish(cartGroup, 1)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				c := newClient(bu.messages, "c", "u")
				gap := false
				// a gap over the events that the log has just lost
				joined := func(r Result) { gap = r.Status == Gap }
				// the reset may end it
				_ = bu.Resume(c.ctx, c, cartGroup, eventlog.Cursor{Kind: eventlog.After, EventID: first.ID}, event.Plain, joined)
				c.end()
				bu.Disconnect(c)
				for i, sequence := range c.sequences(cartGroup) {
					if !gap && sequence != int64(i)+2 {
						t.Errorf("received %v", c.sequences(cartGroup))
						return
					}
				}
			}
		})
	}
	for range 300 {
		bu.publish(cartGroup, 3)
		bu.log.truncate(1)
		bu.Reset(t.Context(), 1)
	}
	close(done)
	wg.Wait()
	require.Zero(t, bu.Stats().Members)
}
