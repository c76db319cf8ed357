package broadcast

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

// TestConcurrentResumes lets clients come and go, on real goroutines, while events flow. Each keeps the events of
// all its connections: in the end that is every event, once, in order.
//
// Acceptance: A-231.
func TestConcurrentResumes(t *testing.T) {
	t.Parallel()
	for name, ring := range map[string]int64{"log": 1, "short ring": 5_000, "ring": 64 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const events, clients, visits = 3000, 8, 150
			bu := setup(t, Config{Settings: Settings{RingBytes: ring, ReplayLimit: 2 * events}, PendingBytes: 64 << 20})
			var wg sync.WaitGroup
			groups := []event.Group{cartGroup, orderGroup}
			for i := range clients {
				g := groups[i%2]
				wg.Go(func() {
					var had []content
					for visit := range visits + 1 {
						c := newClient(bu.messages, fmt.Sprintf("%d/%d", i, visit), "u")
						cur := eventlog.Cursor{Kind: eventlog.Beginning}
						if len(had) > 0 {
							cur = after(had[len(had)-1].Logged)
						}
						err := bu.Resume(c.ctx, c, g, cur, event.WithCursor, func(r Result) {
							if r.Status != Resumed {
								t.Errorf("%+v behind %d events", r, len(had))
							}
						})
						if err != nil {
							t.Error(err)
						}
						if visit == visits { // the last visit lasts until it has every event
							c.await(events, had)
						}
						if rand.IntN(2) == 0 {
							bu.Unsubscribe(c, g)
						}
						c.end()
						bu.Disconnect(c)
						had = append(had, c.got...)
					}
					for j, m := range had {
						if m.Sequence != int64(j+1) {
							t.Errorf("client %d: event %d is number %d", i, m.Sequence, j+1)
							return
						}
					}
				})
			}
			wg.Go(func() {
				for range events {
					batch := []event.Logged{bu.log.publish(cartGroup), bu.log.publish(orderGroup)}
					if err := bu.Broadcast(t.Context(), batch); err != nil {
						t.Error(err)
					}
				}
			})
			wg.Wait()
			require.Zero(t, bu.Stats().Members)
		})
	}
}

// await waits until c has received the last of n events, now or in an earlier visit.
func (c *client) await(n int64, had []content) {
	done := make(chan struct{})
	c.mu.Lock()
	got := append(had, c.got...) //nolint:gocritic // to look at the last one
	if len(got) > 0 && got[len(got)-1].Sequence == n {
		close(done)
	}
	c.received = func(m content) {
		if m.Sequence == n {
			close(done)
		}
	}
	c.mu.Unlock()
	<-done
}

// TestJoiningAForgottenGroup: with nothing in the ring, a group is forgotten whenever its only member leaves, so
// each join depends on the broadcaster's position alone.
func TestJoiningAForgottenGroup(t *testing.T) {
	t.Parallel()
	const events = 100_000
	// a join may lose the processor for any number of events
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}, PendingBytes: math.MaxInt})
	log := &headOnly{}
	bu.Broadcaster.log = log
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			c := newClient(bu.messages, "c", "u")
			var at Result
			if err := bu.Resume(
				c.ctx, c, cartGroup, eventlog.Cursor{Kind: eventlog.Live}, event.Plain, func(r Result) { at = r },
			); err != nil {
				t.Error(err)
			}
			for range i % 3 { // stay for a while, or not
				runtime.Gosched()
			}
			c.end()
			bu.Disconnect(c)
			if got := c.sequences(cartGroup); len(got) > 0 && got[0] != at.Sequence+1 {
				t.Errorf("joined behind %d, received %d", at.Sequence, got[0])
				return
			}
		}
	})
	l := newEventLog().publish(cartGroup)
	for range events {
		log.head.Store(l.Position)
		if err := bu.Broadcast(t.Context(), []event.Logged{l}); err != nil {
			t.Error(err)
		}
		l.Position++
		l.Sequence++
	}
	close(done)
	wg.Wait()
}

// headOnly is the log of one group in which every entry's sequence is its position.
type headOnly struct {
	*eventLog
	head atomic.Int64
}

func (h *headOnly) Head(_ context.Context, _ event.Group, at int64) (uuid.UUID, int64, error) {
	return uuid.UUID{1}, min(at, h.head.Load()), nil
}
