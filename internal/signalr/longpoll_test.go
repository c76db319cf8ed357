package signalr_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// inBackground polls and sends the answer.
func (p *poller) inBackground(ctx context.Context) <-chan answer {
	done := make(chan answer, 1)
	go func() {
		a, _ := p.try(ctx, http.MethodGet, "")
		done <- a
	}()
	return done
}

// pollingInBubble runs test with a client that has shaken hands.
func pollingInBubble(t *testing.T, test func(*bubble, *poller, *signalr.Conn), configure ...func(*signalr.Config)) {
	t.Helper()
	inBubble(t, func(b *bubble) {
		p := b.negotiated(b.t, b.client).poller()
		test(b, p, greet(b.t, b.fixture, p))
	}, configure...)
}

func TestPollIsAnsweredWithWhatThereIs(t *testing.T) {
	t.Parallel()
	pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
		var want strings.Builder
		for i := range 3 {
			require.NoError(b.t, conn.Send(message("M", strconv.Itoa(i))))
			synctest.Wait() // the writer has taken the first, the others wait for it
			want.WriteString(`{"type":1,"target":"M","arguments":[` + strconv.Itoa(i) + "]}\x1e")
		}
		first := p.poll()
		require.Equal(b.t, http.StatusOK, first.status)
		require.Equal(b.t, "application/octet-stream", first.header.Get("Content-Type"))
		require.Equal(b.t, strconv.Itoa(len(first.body)), first.header.Get("Content-Length"))
		requireNoCache(b.t, first)
		require.Equal(b.t, want.String(), first.body+p.poll().body)
	})
}

// A poll is a round trip, so it is given many small messages at once.
func TestPollIsAnsweredWithAllThereIs(t *testing.T) {
	t.Parallel()
	pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
		for range 1000 {
			require.NoError(b.t, conn.Send(message("M")))
		}
		synctest.Wait() // the writer has taken some, the others wait for it
		require.Equal(b.t, 1000, strings.Count(p.poll().body+p.poll().body, "\x1e"))
	})
}

func TestPollWaits(t *testing.T) {
	t.Parallel()
	pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
		from := time.Now()
		a := p.poll()
		require.InDelta(b.t, 90, time.Since(from).Seconds(), 0.1)
		require.Equal(b.t, http.StatusOK, a.status)
		require.Equal(b.t, "text/plain", a.header.Get("Content-Type"))
		require.Equal(b.t, "0", a.header.Get("Content-Length"))
		requireNoCache(b.t, a)

		from = time.Now()
		done := p.inBackground(b.t.Context())
		<-time.After(80 * time.Second)
		require.NoError(b.t, conn.Send(message("M")))
		require.JSONEq(b.t, `{"type":1,"target":"M","arguments":[]}`, strings.TrimSuffix((<-done).body, "\x1e"))
		require.InDelta(b.t, 80, time.Since(from).Seconds(), 0.1)
	})
}

func TestPollTimeout(t *testing.T) {
	t.Parallel()
	pollingInBubble(t, func(b *bubble, p *poller, _ *signalr.Conn) {
		from := time.Now()
		require.Equal(b.t, http.StatusOK, p.poll().status)
		require.InDelta(b.t, 3, time.Since(from).Seconds(), 0.1)
	}, func(cfg *signalr.Config) { cfg.PollTimeout = 3 * time.Second })
}

// The newest poll counts: the client may have lost the one before.
func TestPollIsSuperseded(t *testing.T) {
	t.Parallel()
	pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
		var polls [5]<-chan answer
		for i := range polls {
			polls[i] = p.inBackground(b.t.Context())
			synctest.Wait()
		}
		for _, done := range polls[:4] {
			a := <-done
			require.Equal(b.t, http.StatusNoContent, a.status)
			require.Equal(b.t, "text/plain", a.header.Get("Content-Type"))
			require.NotContains(b.t, a.header, "Content-Length")
		}
		require.NoError(b.t, conn.Send(message("M")))
		require.Equal(b.t, http.StatusOK, (<-polls[4]).status)
	})
}

// A poll whose client has gone away while it waited takes nothing with it.
func TestPollIsCancelled(t *testing.T) {
	t.Parallel()
	pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
		for range 10 {
			ctx, cancel := context.WithCancel(b.t.Context())
			done := p.inBackground(ctx)
			synctest.Wait()
			cancel()
			<-done
			synctest.Wait()
		}
		require.NoError(b.t, conn.Send(message("M")))
		p.expect(`{"type":1,"target":"M","arguments":[]}`)
	})
}

func TestResponsesAreBounded(t *testing.T) {
	t.Parallel()
	const bound, size = 64 << 10, 1000
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes = 8 << 20 })
	p := f.poller(t)
	conn := greet(t, f, p)
	small, large := `"`+strings.Repeat("x", size)+`"`, `"`+strings.Repeat("x", 3*bound)+`"`
	var want strings.Builder
	for i := range 400 {
		text := small
		if i%100 == 99 {
			text = large
		}
		require.NoError(t, conn.Send(message("M", text)))
		want.WriteString(`{"type":1,"target":"M","arguments":[` + text + "]}\x1e")
	}
	got, polls := "", 0
	for len(got) < want.Len() {
		a := p.poll()
		require.Equal(t, http.StatusOK, a.status)
		if strings.Count(a.body, "\x1e") > 1 {
			require.LessOrEqual(t, len(a.body), bound)
		}
		got += a.body
		polls++
	}
	require.Equal(t, want.String(), got)
	require.Less(t, polls, 30, "responses are filled")
}

func TestAbsentClientIsTimedOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		configure func(*signalr.Config)
		after     float64
	}{
		"after .NET's time": {func(*signalr.Config) {}, 15},
		"as configured":     {func(cfg *signalr.Config) { cfg.DisconnectTimeout = time.Minute }, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
				<-time.After(5 * time.Second)
				ctx, cancel := context.WithTimeout(b.t.Context(), 40*time.Second) // a poll is there for that long
				defer cancel()
				<-p.inBackground(ctx)
				from := time.Now()
				require.NoError(b.t, conn.Send(message("M"))) // whether or not a poll waits for it
				require.ErrorContains(b.t, <-b.disconnected, "stopped polling")
				require.InDelta(b.t, c.after, time.Since(from).Seconds(), 1)
				synctest.Wait()
				require.Equal(b.t, []signalr.CloseReason{signalr.ClientTimedOut}, b.observer.reasons())
				require.Equal(b.t, http.StatusNotFound, p.poll().status)
			}, c.configure)
		})
	}
}

// Polling proves that a client lives: it gets no pings, and need not send anything.
func TestPollingIsInherentKeepAlive(t *testing.T) {
	t.Parallel()
	pollingInBubble(t, func(b *bubble, p *poller, _ *signalr.Conn) {
		for range 20 { // half an hour
			a := p.poll()
			require.Equal(b.t, http.StatusOK, a.status)
			require.Empty(b.t, a.body)
			<-time.After(14 * time.Second)
		}
	})
}

// A poll whose client reads nothing cannot hold its connection for ever.
func TestPollThatNobodyReads(t *testing.T) {
	t.Parallel()
	pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
		socket, err := b.client.Transport.(*http.Transport).DialContext(b.t.Context(), "", "")
		require.NoError(b.t, err)
		defer socket.Close()
		_, err = fmt.Fprintf(socket, "GET %s HTTP/1.1\r\nHost: pipe\r\n\r\n", strings.TrimPrefix(p.url, "http://pipe"))
		require.NoError(b.t, err)
		synctest.Wait()
		from := time.Now()
		require.NoError(b.t, conn.Send(message("M")))
		require.Error(b.t, <-b.disconnected)
		require.InDelta(b.t, 30, time.Since(from).Seconds(), 1)
		require.Equal(b.t, http.StatusNotFound, p.poll().status)
	})
}

// A connection whose handshake does not come tells its client so by a poll.
func TestPollLearnsOfALateHandshake(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		p := b.negotiated(b.t, b.client).poller()
		from := time.Now()
		p.expect(`{"error":"Handshake was canceled."}`)
		require.InDelta(b.t, 15, time.Since(from).Seconds(), 1)
		p.expectEnd()
	})
}
