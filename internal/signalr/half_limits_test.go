package signalr_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// Whatever the transport, a connection takes a seat, and gives it back.
func TestHalfTransportsAreLimited(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		lateStream, latePoll := b.negotiated(b.t, b.client), b.negotiated(b.t, b.client)
		second := b.dial()
		second.shakeHands()
		<-b.conns
		for _, a := range []answer{
			lateStream.do(http.MethodGet, "", events...), latePoll.do(http.MethodGet, ""),
			b.negotiatedAnswer(b.t),
		} {
			require.Equal(b.t, http.StatusServiceUnavailable, a.status)
			require.Equal(b.t, "The server has as many connections as it takes", a.body)
			require.Equal(b.t, "10", a.header.Get("Retry-After"))
		}

		greet(b.t, b.fixture, c)
		c.send(`{"type":7}`)
		c.expect(`{"type":7}`)
		c.expectEnd()
		synctest.Wait()
		a := latePoll.do(http.MethodGet, "")
		require.Equal(b.t, http.StatusOK, a.status, "a refused token is not spent")
		require.Equal(b.t, http.StatusServiceUnavailable, b.negotiatedAnswer(b.t).status)
		require.Equal(b.t, http.StatusAccepted, latePoll.do(http.MethodDelete, "").status)
		synctest.Wait()
		require.Equal(b.t, http.StatusOK, b.negotiatedAnswer(b.t).status)
	}, func(cfg *signalr.Config) { cfg.MaxConnections = 2 })
}

// negotiatedAnswer returns the answer to a negotiation.
func (b *bubble) negotiatedAnswer(t *testing.T) answer {
	t.Helper()
	w := b.from("192.0.2.1:1", http.MethodPost, "/hub/negotiate?access_token=user&negotiateVersion=1")
	return answer{status: w.Code, header: w.Header(), body: w.Body.String()}
}

func TestHalfFloodsAreClosed(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"The client sends more than 100 invocations per second.": strings.Repeat(nothing, 201),
		"The client sends more than 1000 messages per second.":   strings.Repeat(ping+"\x1e", 2001),
	} {
		overEachInBubble(t, func(b *bubble, c talker) {
			greet(b.t, b.fixture, c)
			for rest := body; rest != ""; { // no request may be larger than the largest message
				n := min(len(rest), 30_000)
				n = strings.LastIndexByte(rest[:n], '\x1e') + 1
				a := halfOf(c).do(http.MethodPost, rest[:n])
				require.Contains(b.t, []int{http.StatusOK, http.StatusNotFound}, a.status)
				rest = rest[n:]
			}
			record := c.receive()
			for record == nothingResult {
				record = c.receive()
			}
			require.Equal(b.t, `{"type":7,"error":"`+name+`"}`, record)
			c.expectEnd()
			synctest.Wait()
			require.Equal(b.t, []signalr.CloseReason{signalr.RateExceeded}, b.observer.reasons())
		}, func(cfg *signalr.Config) {
			cfg.InvocationRate, cfg.InvocationBurst, cfg.MessageRate, cfg.MessageBurst = 100, 200, 1000, 2000
		})
	}
}

// Until its turn comes, a client may post and poll by new requests.
func TestHalfTransportsAreServedUntilTheirTurn(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		conn := greet(b.t, b.fixture, c)
		conn.Close("", true) // another connection takes the first place in the queue
		c.expect(askedToReconnect)
		c.expectEnd()
		crowd, _ := b.crowd(100)
		last := b.again(c)
		greet(b.t, b.fixture, last)

		done := b.shutDown()
		synctest.Wait()
		last.send(strings.TrimSuffix(nothing, "\x1e"))
		last.expect(nothingResult)
		departures(crowd)
		from := time.Now()
		last.expect(askedToReconnect)
		last.expectEnd()
		require.Less(b.t, time.Since(from), 100*time.Millisecond)
		require.NoError(b.t, <-done)
	}, spreadOver(time.Second))
}

// again connects anew over the transport of c.
func (b *bubble) again(c talker) talker {
	h := b.negotiated(b.t, halfOf(c).http)
	if _, ok := c.(*poller); ok {
		return h.poller()
	}
	return h.stream()
}
