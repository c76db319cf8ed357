package signalr_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

const askedToReconnect = `{"type":7,"allowReconnect":true}`

// crowd connects count clients to the bubble.
func (b *bubble) crowd(count int) ([]*client, []*signalr.Conn) {
	b.t.Helper()
	clients, conns := make([]*client, count), make([]*signalr.Conn, count)
	for i := range clients {
		clients[i] = b.dial()
		clients[i].shakeHands()
		conns[i] = <-b.conns
	}
	return clients, conns
}

// shutDown begins a shutdown.
func (b *bubble) shutDown() <-chan error {
	done := make(chan error, 1)
	go func() { done <- b.Shutdown(context.Background()) }()
	return done
}

// departures answers the farewells of all clients and returns when each was asked to reconnect, in order of time.
func departures(clients []*client) []time.Duration {
	from := time.Now()
	times := make([]time.Duration, len(clients))
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			c.expectAfterPings(askedToReconnect)
			times[i] = time.Since(from)
			c.expectClose(ws.StatusNormalClosure)
		})
	}
	all.Wait()
	slices.Sort(times)
	return times
}

func spreadOver(d time.Duration) func(*signalr.Config) {
	return func(cfg *signalr.Config) { cfg.ShutdownSpread = d }
}

func TestShutdownIsSpreadEvenly(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		clients, _ := b.crowd(600)
		done := b.shutDown()
		times := departures(clients)
		require.NoError(b.t, <-done)
		require.Zero(b.t, times[0])
		for i, at := range times {
			require.InDelta(b.t, float64(i)/200, at.Seconds(), 0.02, "connection %d of 600 over 3 s", i)
		}
	}, spreadOver(3*time.Second))
}

func TestShutdownOfAFewTakesNoLongerThanItMust(t *testing.T) {
	t.Parallel()
	for count, most := range map[int]time.Duration{0: 0, 1: 0, 2: 10 * time.Millisecond, 100: time.Second} {
		t.Run(fmt.Sprintf("%d clients", count), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b *bubble) {
				clients, _ := b.crowd(count)
				from := time.Now()
				done := b.shutDown()
				departures(clients)
				require.NoError(b.t, <-done)
				require.LessOrEqual(b.t, time.Since(from), most)
			}, spreadOver(time.Hour))
		})
	}
}

func TestShutdownAllAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		clients, _ := b.crowd(300)
		done := b.shutDown()
		require.Zero(b.t, slices.Max(departures(clients)))
		require.NoError(b.t, <-done)
	}, spreadOver(0))
}

func TestShutdownDoesNotWaitForThoseWhoHaveLeft(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		const all, stay = 300, 50
		clients, _ := b.crowd(all)
		from := time.Now()
		done := b.shutDown()
		synctest.Wait() // the first has been told
		for _, c := range clients[1 : all-stay] {
			c.send(`{"type":7}`)
			c.expect(`{"type":7}`)
			c.expectClose(ws.StatusNormalClosure)
		}
		departures(append(clients[all-stay:], clients[0]))
		require.NoError(b.t, <-done)
		require.InDelta(b.t, float64(stay)/100, time.Since(from).Seconds(), 0.02)
	}, spreadOver(3*time.Second))
}

// Until its turn comes a client notices nothing. A new client is refused.
func TestClientsAreServedUntilTheirTurn(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		clients, conns := b.crowd(300)
		done := b.shutDown()
		go departures(clients[:150])
		<-time.After(time.Second) // the bubble's time
		last := clients[299]
		last.send(`{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}`)
		last.expect(nothingResult)
		require.NoError(b.t, conns[299].Send(message("Event")))
		last.expect(`{"type":1,"target":"Event","arguments":[]}`)

		for _, w := range []int{
			b.get("/hub?access_token=user").Code,
			b.from("192.0.2.1:1", http.MethodPost, "/hub/negotiate?access_token=user").Code,
		} {
			require.Equal(b.t, http.StatusServiceUnavailable, w)
		}
		require.Equal(b.t, "1", b.get("/hub?access_token=user").Header().Get("Retry-After"))
		require.Equal(b.t, http.StatusNotFound, b.from("192.0.2.1:1", http.MethodPost, "/hub?access_token=user&id=x").Code,
			"what belongs to a connection is still looked for")
		departures(clients[150:])
		require.NoError(b.t, <-done)
	}, spreadOver(3*time.Second))
}

// slow registers a method that takes its time, and heeds its context where heedful is true.
func slow(b *bubble, heedful bool) {
	signalr.Method1(b.hub, "Slow", func(ctx context.Context, _ *signalr.Call, seconds int) (any, error) {
		var done <-chan struct{}
		if heedful {
			done = ctx.Done()
		}
		select {
		case <-done:
			return nil, ctx.Err()
		case <-time.After(time.Duration(seconds) * time.Second):
			return "done", nil
		}
	})
}

func TestShutdownLetsInvocationsComplete(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		slow(b, true)
		clients, _ := b.crowd(1)
		c := clients[0]
		// The first is under way; the second was read with it.
		c.frame(ws.NewTextFrame([]byte(`{"type":1,"invocationId":"1","target":"Slow","arguments":[1]}` + "\x1e" + nothing)))
		synctest.Wait()
		done := b.shutDown()
		c.expect(`{"type":3,"invocationId":"1","result":"done"}`, nothingResult, askedToReconnect)
		c.expectClose(ws.StatusNormalClosure)
		require.NoError(b.t, <-done)
		require.NoError(b.t, <-b.disconnected)
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.ServerShuttingDown}, b.observer.reasons())
	})
}

// An invocation without an end is cancelled early enough for its client to be asked to reconnect.
func TestShutdownCancelsInvocationsThatDoNotEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		slow(b, true)
		clients, _ := b.crowd(1)
		clients[0].send(`{"type":1,"invocationId":"1","target":"Slow","arguments":[3600]}`)
		synctest.Wait()
		done := b.shutDown()
		require.Equal(b.t, []time.Duration{2 * time.Second}, departures(clients))
		require.NoError(b.t, <-done)
	})
}

func TestShutdownCutsOffAMethodThatHeedsNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		slow(b, false)
		clients, _ := b.crowd(1)
		clients[0].send(`{"type":1,"invocationId":"1","target":"Slow","arguments":[5]}`)
		synctest.Wait()
		impatient := errors.New("impatient")
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, impatient)
		defer cancel()
		from := time.Now()
		require.ErrorIs(b.t, b.Shutdown(ctx), impatient)
		require.Equal(b.t, 2*time.Second, time.Since(from))
		<-time.After(5 * time.Second) // the method ends by itself
	})
}

// Run's own end is a shutdown like any other.
func TestRunEndsWithASpread(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		clients, _ := b.crowd(1300)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		times := departures(clients)
		require.InDelta(b.t, 13, times[1299].Seconds(), 0.1)
		require.NoError(b.t, <-done)
	}, spreadOver(13*time.Second))
}

// A client with stateful reconnect that loses its WebSocket during the shutdown goes where the others go.
func TestNoResumeDuringAShutdown(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		others, _ := b.crowd(100)
		token := b.issueWith(b.t, "&useStatefulReconnect=true")
		c := b.dialToken(token)
		c.send(`{"protocol":"json","version":2}`)
		c.expect(`{}`)
		<-b.conns
		done := b.shutDown()
		synctest.Wait() // the first has been told
		require.NoError(b.t, c.conn.Close())
		require.Equal(b.t, http.StatusServiceUnavailable, b.get("/hub?access_token=user&id="+token).Code)
		departures(others)
		require.NoError(b.t, <-done)
		require.NoError(b.t, <-b.disconnected)
	})
}

func TestShutdownOfStatefulConnections(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		slow(b, true)
		c := b.dialStateful()
		<-b.conns
		c.send(`{"type":1,"invocationId":"1","target":"Slow","arguments":[1]}`)
		synctest.Wait()
		done := b.shutDown()
		c.expect(`{"type":8,"sequenceId":1}`, `{"type":3,"invocationId":"1","result":"done"}`, askedToReconnect)
		c.expectClose(ws.StatusNormalClosure)
		require.NoError(b.t, <-done)
		require.NoError(b.t, <-b.disconnected)
	})
}
