package hubclient_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
)

// followed is a Follow in progress with all its calls.
type followed struct {
	events       chan hubclient.Event
	results      chan hubclient.Result // of OnResumed and OnGap
	disconnected chan error
	ended        chan error
	cancel       context.CancelFunc
}

func follow(t *testing.T, cfg hubclient.Config, sub hubclient.Subscription) *followed {
	t.Helper()
	return followWith(t, cfg, sub, func(hubclient.Event) error { return nil })
}

func followWith(
	t *testing.T, cfg hubclient.Config, sub hubclient.Subscription, handle func(hubclient.Event) error,
) *followed {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &followed{
		events: make(chan hubclient.Event, 100_000), results: make(chan hubclient.Result, 1000),
		disconnected: make(chan error, 10_000), ended: make(chan error, 1), cancel: cancel,
	}
	var running sync.WaitGroup
	running.Go(func() {
		f.ended <- hubclient.Follow(ctx, cfg, sub, func(e hubclient.Event) error {
			if err := handle(e); err != nil {
				return err
			}
			f.events <- e
			return nil
		}, hubclient.Hooks{
			OnResumed:      func(r hubclient.Result) { f.results <- r },
			OnGap:          func(r hubclient.Result) { f.results <- r },
			OnDisconnected: func(err error) { f.disconnected <- err },
		})
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return f
}

// expect expects the events numbered from to to, and no others.
func (f *followed) expect(t *testing.T, h *hub, from, to int64) {
	t.Helper()
	for n := from; n <= to; n++ {
		e := within(t, f.events, "event")
		require.Equal(t, n, e.Sequence)
		h.do(func() {
			logged := h.log[n-1]
			invocation, err := logged.Invocation(event.WithCursor)
			require.NoError(t, err)
			require.Equal(t, invocation.Arguments, e.Arguments)
			require.Equal(t, invocation.Method, e.Method)
			require.Equal(t, logged.ID, e.EventID)
			require.True(t, logged.OccurredOn.Equal(e.OccurredOn))
			require.WithinDuration(t, time.Now(), e.ReceivedAt, patience)
		})
	}
}

func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "did not happen: "+what)
		panic("unreachable")
	}
}

func anOrder() event.Group { return event.OrderGroup(uuid.Must(uuid.NewV7())) }

func TestFollowFromTheBeginning(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	h.publish(event.OrderPlaced, 3)
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group, LastEventID: &uuid.Nil})
	f.expect(t, h, 1, 3)
	require.Equal(t, hubclient.Result{Status: hubclient.Resumed, Replayed: 3, LastEventID: h.log[2].ID, Sequence: 3},
		within(t, f.results, "OnResumed"))
	h.publish(event.OrderStatusChanged, 2)
	f.expect(t, h, 4, 5)
	f.cancel()
	require.ErrorIs(t, within(t, f.ended, "the end"), context.Canceled)
	require.Empty(t, f.events)
	require.Empty(t, f.disconnected)
}

func TestFollowFromAnEvent(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	h.publish(event.OrderPlaced, 5)
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group, LastEventID: &h.log[1].ID})
	f.expect(t, h, 3, 5)
}

func TestFollowFromNowOn(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	h.publish(event.OrderPlaced, 5)
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
	within(t, f.results, "OnResumed")
	h.publish(event.OrderPlaced, 2)
	f.expect(t, h, 6, 7)
}

// Events published while the first connection is away are not missed, although no event had been received before.
//
// Acceptance: A-237.
func TestFollowFromNowOnOfAnEmptyGroup(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
	within(t, f.results, "OnResumed")
	h.kill()
	h.publish(event.OrderPlaced, 2)
	h.start(t)
	f.expect(t, h, 1, 2)
}

func TestFollowKeepsTheOrder(t *testing.T) {
	t.Parallel()
	const events = 10_000
	h := newHub(t, anOrder())
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group, LastEventID: &uuid.Nil})
	h.publish(event.OrderStatusChanged, events)
	f.expect(t, h, 1, events)
	require.Empty(t, f.disconnected)
}

// A server that is killed, restarted and killed again while it publishes costs no event and repeats none.
//
// Acceptance: A-390.
func TestFollowSurvivesRestarts(t *testing.T) {
	t.Parallel()
	const events = 5000
	h := newHub(t, anOrder())
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group, LastEventID: &uuid.Nil})
	published := make(chan struct{})
	go func() {
		defer close(published)
		h.publish(event.OrderStatusChanged, events)
	}()
	for n := range int64(10) {
		f.expect(t, h, n*100+1, n*100+100)
		h.kill()
		within(t, f.disconnected, "OnDisconnected")
		h.start(t)
	}
	f.expect(t, h, 1001, events)
	within(t, published, "the last publish")
	require.Empty(t, f.events)
}

func TestFollowComesBackWhenAskedTo(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group, LastEventID: &uuid.Nil})
	h.publish(event.OrderPlaced, 2)
	f.expect(t, h, 1, 2)
	h.closeAll("Too slow.", true)
	var closed *hubclient.ServerClosedError
	require.ErrorAs(t, within(t, f.disconnected, "OnDisconnected"), &closed)
	require.Equal(t, hubclient.ServerClosedError{Text: "Too slow.", AllowReconnect: true}, *closed)
	h.publish(event.OrderPlaced, 2)
	f.expect(t, h, 3, 4)

	h.closeAll("Go away.", false)
	require.ErrorAs(t, within(t, f.ended, "the end"), &closed)
	require.Equal(t, "Go away.", closed.Text)
}

func (h *hub) closeAll(reason string, allowReconnect bool) {
	h.do(func() {
		for c := range h.members {
			c.Close(reason, allowReconnect)
		}
	})
}

// The server closes the connection when its token expires. Follow asks for a new token, and loses no event.
func TestFollowRenewsTheToken(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	h.do(func() { h.tokens["first"] = time.Now().Add(300 * time.Millisecond) })
	var asked atomic.Int32
	cfg := h.config()
	cfg.Token = func(context.Context) (string, error) {
		switch asked.Add(1) {
		case 1:
			return "first", nil
		case 2:
			return "", errors.New("the identity provider is away")
		default:
			return "token", nil
		}
	}
	f := follow(t, cfg, hubclient.Subscription{Group: h.group, LastEventID: &uuid.Nil})
	within(t, f.results, "OnResumed")
	require.ErrorContains(t, within(t, f.disconnected, "OnDisconnected"), "credentials have expired")
	require.ErrorContains(t, within(t, f.disconnected, "OnDisconnected"), "the identity provider is away")
	h.publish(event.OrderPlaced, 2)
	f.expect(t, h, 1, 2)
	require.EqualValues(t, 3, asked.Load())
}

func TestFollowReportsAGap(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
	within(t, f.results, "OnResumed")
	h.publish(event.OrderPlaced, 2)
	f.expect(t, h, 1, 2)
	h.kill()
	h.publish(event.OrderPlaced, 3)
	h.do(func() { h.first = 4 }) // the retention has dropped the earlier events
	h.start(t)
	require.Equal(
		t, hubclient.Result{Status: hubclient.Gap, LastEventID: h.log[4].ID, Sequence: 5}, within(t, f.results, "OnGap"),
	)
	h.publish(event.OrderPlaced, 1)
	f.expect(t, h, 6, 6)
	h.kill()
	h.publish(event.OrderPlaced, 1)
	h.start(t)
	f.expect(t, h, 7, 7)
}

func TestFollowNoticesAHole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		restart bool
		events  int
	}{
		"live":       {false, 3},
		"replayed":   {true, 3},
		"at the end": {true, 2}, // no event follows the hole, but the answer to the resume names a later one
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, anOrder())
			h.skip = 4
			f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
			within(t, f.results, "OnResumed")
			h.publish(event.OrderPlaced, 2)
			f.expect(t, h, 1, 2)
			if c.restart {
				h.kill()
			}
			h.publish(event.OrderPlaced, c.events)
			if c.restart {
				h.start(t)
			}
			f.expect(t, h, 3, 3)
			var broken *hubclient.ContiguityError
			require.ErrorAs(t, within(t, f.ended, "the end"), &broken)
			require.Equal(t, h.group, broken.Group)
			require.Empty(t, f.events)
		})
	}
}

func TestFollowNoticesARepetition(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
	within(t, f.results, "OnResumed")
	h.publish(event.OrderPlaced, 2)
	h.do(func() {
		for c := range h.members {
			h.send(c, h.log[1])
		}
	})
	f.expect(t, h, 1, 2)
	var broken *hubclient.ContiguityError
	require.ErrorAs(t, within(t, f.ended, "the end"), &broken)
	require.Equal(t, hubclient.ContiguityError{Group: h.group, Want: 3, Got: 2, EventID: h.log[1].ID}, *broken)
}

func TestFollowEndsWithTheHandler(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	h.publish(event.OrderPlaced, 3)
	enough := errors.New("enough")
	f := followWith(t, h.config(), hubclient.Subscription{
		Group: h.group, LastEventID: &uuid.Nil,
	}, func(e hubclient.Event) error {
		if e.Sequence == 2 {
			return enough
		}
		return nil
	})
	f.expect(t, h, 1, 1)
	require.ErrorIs(t, within(t, f.ended, "the end"), enough)
	require.Empty(t, f.events)
}

// A handler that stands still stops the reading, but not the detection of the connection's end.
func TestFollowWaitsForASlowHandler(t *testing.T) {
	t.Parallel()
	const events = 2000
	h := newHub(t, anOrder())
	h.publish(event.OrderPlaced, events)
	gate := make(chan struct{})
	f := followWith(t, h.config(), hubclient.Subscription{
		Group: h.group, LastEventID: &uuid.Nil,
	}, func(hubclient.Event) error {
		<-gate
		return nil
	})
	gate <- struct{}{}
	f.expect(t, h, 1, 1)
	h.kill() // while the handler holds event 2
	h.start(t)
	close(gate)
	f.expect(t, h, 2, events)
}

func TestFollowTeamCart(t *testing.T) {
	t.Parallel()
	h := newHub(t, event.TeamCartGroup(uuid.Must(uuid.NewV7())))
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group, LastEventID: &uuid.Nil})
	for _, kind := range []event.Type{
		event.CartUpdated, event.CartLocked, event.CartPaymentEvent, event.CartReadyToConfirm, event.CartConverted,
		event.CartExpired,
	} {
		h.publish(kind, 1)
	}
	f.expect(t, h, 1, 6)
}

// Every connection of the admin hub is in the admins group, whichever group it follows.
func TestFollowLeavesTheAdminsGroupAside(t *testing.T) {
	t.Parallel()
	h := newHub(t, event.Alerts)
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
	within(t, f.results, "OnResumed")
	h.do(func() {
		foreign := h.next(event.AdminNotification)
		foreign.Sequence = 77
		for c := range h.members {
			h.send(c, foreign)
		}
	})
	h.publish(event.SystemAlert, 2)
	f.expect(t, h, 1, 2)
}

// The admins group is joined on connect, so its live events can come before the replay; Follow puts them in order.
func TestFollowAdmins(t *testing.T) {
	t.Parallel()
	h := newHub(t, event.Admins)
	h.publish(event.AdminNotification, 5)
	h.do(func() { h.autoJoin = true })
	cfg := h.config()
	f := follow(t, cfg, hubclient.Subscription{Group: h.group, LastEventID: &h.log[1].ID})
	f.expect(t, h, 3, 5)
	h.publish(event.AdminNotification, 1)
	f.expect(t, h, 6, 6)
}

func TestFollowRefusesNonsense(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	for _, name := range []string{"", "order", "order:1", "admins:f47ac10b-58cc-4372-a567-0e02b2c3d479", "nobody"} {
		group, _ := event.ParseGroup(name)
		err := hubclient.Follow(t.Context(), h.config(), hubclient.Subscription{Group: group}, nil, hubclient.Hooks{})
		require.ErrorContains(t, err, "following")
	}
	for _, cfg := range []hubclient.Config{
		{}, {URL: "localhost:5006"}, {URL: "ws://h"}, {URL: "http://h", ServerTimeout: -1},
	} {
		err := hubclient.Follow(t.Context(), cfg, hubclient.Subscription{Group: h.group}, nil, hubclient.Hooks{})
		require.ErrorContains(t, err, "configuring the hub client")
	}
}
