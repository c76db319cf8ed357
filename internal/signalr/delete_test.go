package signalr_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

func TestDelete(t *testing.T) {
	t.Parallel()
	t.Run("ends the connection and its poll", func(t *testing.T) {
		t.Parallel()
		pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
			done := p.inBackground(b.t.Context())
			synctest.Wait()
			from := time.Now()
			a := p.do(http.MethodDelete, "")
			require.Equal(b.t, http.StatusAccepted, a.status)
			require.Equal(b.t, http.StatusNoContent, (<-done).status)
			require.NoError(b.t, <-b.disconnected)
			require.ErrorIs(b.t, conn.Send(message("M")), signalr.ErrClosed)
			synctest.Wait()
			require.Equal(b.t, []signalr.CloseReason{signalr.ClosedByClient}, b.observer.reasons())
			require.Zero(b.t, time.Since(from))
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
				require.Equal(b.t, http.StatusNotFound, p.do(method, "").status, method)
			}
		})
	})
	t.Run("with messages that nobody has fetched", func(t *testing.T) {
		t.Parallel()
		pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
			from := time.Now()
			for range 10 {
				require.NoError(b.t, conn.Send(message("M")))
			}
			require.Equal(b.t, http.StatusAccepted, p.do(http.MethodDelete, "").status)
			require.NoError(b.t, <-b.disconnected)
			synctest.Wait()
			require.Zero(b.t, time.Since(from))
			require.Equal(b.t, []signalr.CloseReason{signalr.ClosedByClient}, b.observer.reasons())
		})
	})
	t.Run("while a method runs", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			signalr.Method0(b.hub, "Slow", func(ctx context.Context, _ *signalr.Call) (any, error) {
				<-ctx.Done()
				<-time.After(time.Minute)
				return nil, ctx.Err()
			})
			p := b.negotiated(b.t, b.client).poller()
			greet(b.t, b.fixture, p)
			p.send(`{"type":1,"target":"Slow","arguments":[]}`)
			done := p.inBackground(b.t.Context())
			synctest.Wait()
			from := time.Now()
			require.Equal(b.t, http.StatusAccepted, p.do(http.MethodDelete, "").status)
			require.Equal(b.t, http.StatusNoContent, (<-done).status)
			require.Equal(b.t, http.StatusAccepted, p.do(http.MethodDelete, "").status, "again")
			require.Equal(b.t, http.StatusNoContent, p.poll().status)
			require.Equal(b.t, http.StatusNotFound, p.do(http.MethodPost, ping+"\x1e").status)
			require.Zero(b.t, time.Since(from))
			require.NoError(b.t, <-b.disconnected)
			synctest.Wait()
			require.Equal(b.t, http.StatusNotFound, p.do(http.MethodDelete, "").status)
		})
	})
}

// Several requests end the connection at once: the later ones find a connection that is ending, or none.
func TestDeleteRaces(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 100 {
		p := f.poller(t)
		conn := greet(t, f, p)
		results := make(chan error, 8)
		race := func(method, body string, statuses ...int) {
			go func() {
				a, err := p.try(t.Context(), method, body)
				if err == nil && !slices.Contains(statuses, a.status) {
					err = fmt.Errorf("%s: status %d", method, a.status)
				}
				results <- err
			}()
		}
		race(http.MethodGet, "", http.StatusOK, http.StatusNoContent, http.StatusNotFound)
		race(http.MethodPost, nothing, http.StatusOK, http.StatusNotFound)
		race(http.MethodDelete, "", http.StatusAccepted, http.StatusNotFound)
		race(http.MethodDelete, "", http.StatusAccepted, http.StatusNotFound)
		go func() {
			_ = conn.Send(message("M"))
			conn.Close("", true)
			results <- nil
		}()
		for range 5 {
			require.NoError(t, within(t, results, "an answer"))
		}
		require.NoError(t, within(t, f.disconnected, "OnDisconnected"))
	}
	require.Eventually(t, func() bool { return len(f.observer.reasons()) == 100 }, patience, soon)
	require.Equal(t, 100, f.observer.opened())
}

// Two first polls make one connection.
func TestFirstPollsRace(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.PollTimeout = 5 * time.Millisecond })
	for i := range 100 {
		h := f.negotiated(t, ownClient(t))
		statuses := make(chan int, 2)
		for range 2 {
			go func() {
				a, _ := h.try(t.Context(), http.MethodGet, "")
				statuses <- a.status
			}()
		}
		for range 2 {
			require.Equal(t, http.StatusOK, <-statuses)
		}
		require.Equal(t, i+1, f.observer.opened())
		require.Equal(t, http.StatusAccepted, h.do(http.MethodDelete, "").status)
	}
}

// Several requests begin at the same time, in any order: at most one connection comes of a token, and none is left.
func TestBeginningsRace(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.PollTimeout = 5 * time.Millisecond })
	client := ownClient(t)
	for range 200 {
		h := f.negotiated(t, client)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for _, r := range []struct {
			method, body string
			headers      []string
		}{
			{http.MethodGet, "", nil},
			{http.MethodGet, "", nil},
			{http.MethodGet, "", events},
			{http.MethodPost, handshake, nil},
			{http.MethodDelete, "", nil},
			{http.MethodDelete, "", nil},
		} {
			group.Go(func() {
				response, err := h.request(ctx, r.method, strings.NewReader(r.body), r.headers...)
				if err != nil {
					t.Errorf("%s %v: %v", r.method, r.headers, err)
					return
				}
				_ = response.Body.Close() // the end, for an event stream
			})
		}
		group.Wait()
		cancel()
		h.do(http.MethodDelete, "")
	}
	require.Eventually(t, func() bool { return len(f.observer.reasons()) == f.observer.opened() }, patience, soon)
	require.LessOrEqual(t, f.observer.opened(), 200)
}
