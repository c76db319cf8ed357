package signalr_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// from sends a request as the user, from address, without a socket.
func (f *fixture) from(address, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil) //nolint:noctx // a recorder's request is never cancelled
	r.RemoteAddr = address
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.handler().ServeHTTP(w, r)
	return w
}

func TestNegotiationRate(t *testing.T) {
	t.Parallel()
	negotiate := func(b *bubble, address string) *httptest.ResponseRecorder {
		return b.from(address, http.MethodPost, "/hub/negotiate?access_token=user&negotiateVersion=1")
	}
	slow := func(cfg *signalr.Config) { cfg.NegotiationRate, cfg.NegotiationBurst = 2, 3 }

	t.Run("a burst, and then as many as grow back", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			for range 3 {
				require.Equal(b.t, http.StatusOK, negotiate(b, "192.0.2.1:1").Code)
			}
			for range 5 {
				w := negotiate(b, "192.0.2.1:2")
				require.Equal(b.t, http.StatusTooManyRequests, w.Code)
				require.Equal(b.t, "1", w.Header().Get("Retry-After"))
				require.Equal(b.t, "Too many connections are opened from this address at a time", w.Body.String())
			}
			require.Equal(b.t, http.StatusOK, negotiate(b, "192.0.2.2:1").Code, "another address")
			require.Equal(b.t, 5, b.observer.refusals(signalr.NegotiatingTooFast))
			<-time.After(500 * time.Millisecond) // the bubble's time
			require.Equal(b.t, http.StatusOK, negotiate(b, "192.0.2.1:3").Code)
			require.Equal(b.t, http.StatusTooManyRequests, negotiate(b, "192.0.2.1:4").Code)
		}, slow)
	})
	t.Run("an IPv6 site is one address", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			for _, last := range []string{"1", "2", "3"} {
				require.Equal(b.t, http.StatusOK, negotiate(b, "[2001:db8::"+last+"]:1").Code)
			}
			require.Equal(b.t, http.StatusTooManyRequests, negotiate(b, "[2001:db8::4]:1").Code)
			require.Equal(b.t, http.StatusOK, negotiate(b, "[2001:db8:0:1::1]:1").Code)
		}, slow)
	})
	t.Run("before authentication, which costs more", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			for _, status := range []int{
				http.StatusUnauthorized, http.StatusUnauthorized, http.StatusUnauthorized, http.StatusTooManyRequests,
			} {
				require.Equal(b.t, status, b.from("192.0.2.1:1", http.MethodPost, "/hub/negotiate").Code)
			}
		}, slow)
	})
	t.Run("a WebSocket without negotiation counts, one with a token was counted", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			webSocket := []string{"Connection", "Upgrade", "Upgrade", "websocket"}
			for range 3 {
				require.NotEqual(b.t, http.StatusTooManyRequests,
					b.from("192.0.2.1:1", http.MethodGet, "/hub?access_token=user", webSocket...).Code)
			}
			require.Equal(b.t, http.StatusTooManyRequests,
				b.from("192.0.2.1:1", http.MethodGet, "/hub?access_token=user", webSocket...).Code)
			token := b.from("192.0.2.2:1", http.MethodPost, "/hub/negotiate?access_token=user")
			require.Equal(b.t, http.StatusOK, token.Code)
			require.Equal(b.t, http.StatusNotFound,
				b.from("192.0.2.1:1", http.MethodGet, "/hub?access_token=user&id=x", webSocket...).Code)
		}, slow)
	})
	t.Run("preflights and what belongs to a connection do not count", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			for range 10 {
				require.Equal(b.t, http.StatusNoContent, b.from("192.0.2.1:1", http.MethodOptions, "/hub/negotiate").Code)
				require.Equal(b.t, http.StatusNotFound, b.from("192.0.2.1:1", http.MethodPost, "/hub?access_token=user&id=x").Code)
			}
			require.Equal(b.t, http.StatusOK, negotiate(b, "192.0.2.1:1").Code)
		}, slow)
	})
}

// flood sends the payload n times, whether or not the server still takes it.
func (c *client) flood(n int, payload string, op ws.OpCode) {
	frame := ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, true, []byte(payload))))
	for range n {
		if _, err := c.conn.Write(frame); err != nil {
			return
		}
	}
}

// refusedFor reads up to the Close message, which must give the reason and not ask to reconnect.
func (c *client) refusedFor(text string) {
	c.t.Helper()
	for {
		f, err := c.next()
		require.NoError(c.t, err)
		if f.Header.OpCode == ws.OpText && strings.HasPrefix(string(f.Payload), `{"type":7`) {
			require.Equal(c.t, `{"type":7,"error":"`+text+`"}`+"\x1e", string(f.Payload))
			break
		}
	}
	f, err := c.next()
	require.NoError(c.t, err)
	require.Equal(c.t, ws.OpClose, f.Header.OpCode)
	status, _ := ws.ParseCloseFrameData(f.Payload)
	require.Equal(c.t, ws.StatusPolicyViolation, status)
}

func TestFloodsAreClosed(t *testing.T) {
	t.Parallel()
	const (
		tooManyInvocations = "The client sends more than 100 invocations per second."
		tooManyMessages    = "The client sends more than 1000 messages per second."
	)
	limited := func(cfg *signalr.Config) {
		cfg.InvocationRate, cfg.InvocationBurst, cfg.MessageRate, cfg.MessageBurst = 100, 200, 1000, 2000
	}
	for name, c := range map[string]struct {
		frames  int
		payload string
		op      ws.OpCode
		text    string
	}{
		"invocations": {201, nothing, ws.OpText, tooManyInvocations},
		"invocations without an id": {
			201, `{"type":1,"target":"Nothing","arguments":[]}` + "\x1e", ws.OpText, tooManyInvocations,
		},
		"invocations of what is not": {
			201, `{"type":1,"target":"X","arguments":[]}` + "\x1e", ws.OpText, tooManyInvocations,
		},
		"stream invocations": {
			201, `{"type":4,"invocationId":"1","target":"X","arguments":[]}` + "\x1e", ws.OpText, tooManyInvocations,
		},
		"invocations in one frame":       {1, strings.Repeat(nothing, 10_000), ws.OpText, tooManyInvocations},
		"pings":                          {2001, ping + "\x1e", ws.OpText, tooManyMessages},
		"pings in one frame":             {1, strings.Repeat(ping+"\x1e", 10_000), ws.OpText, tooManyMessages},
		"messages of a type that is not": {2001, `{"type":99}` + "\x1e", ws.OpText, tooManyMessages},
		"stream items": {
			2001, `{"type":2,"invocationId":"1","item":1}` + "\x1e", ws.OpText, tooManyMessages,
		},
		"completions":            {2001, `{"type":3,"invocationId":"1"}` + "\x1e", ws.OpText, tooManyMessages},
		"pings of the WebSocket": {2001, "", ws.OpPing, tooManyMessages},
		"pongs of the WebSocket": {2001, "", ws.OpPong, tooManyMessages},
		"empty frames":           {2001, "", ws.OpText, tooManyMessages},
		"a record, byte by byte": {2001, "{", ws.OpText, tooManyMessages},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b *bubble) { // no time passes in the bubble while the flood comes
				c1 := b.dial()
				c1.shakeHands()
				go c1.flood(c.frames, c.payload, c.op)
				c1.refusedFor(c.text)
				_ = c1.conn.Close()
				require.Error(b.t, <-b.disconnected)
				synctest.Wait()
				require.Equal(b.t, []signalr.CloseReason{signalr.RateExceeded}, b.observer.reasons())
			}, limited)
		})
	}
}

// A client that stays at its rate may go on for ever, and after a pause it has its burst again.
func TestWhatDoesNotExceedTheRate(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dial()
		c.shakeHands()
		invoke := func(n int) {
			for range n {
				c.send(strings.TrimSuffix(nothing, "\x1e"))
				c.expect(nothingResult)
			}
		}
		invoke(200)
		for range 500 {
			<-time.After(10 * time.Millisecond) // the bubble's time
			invoke(1)
		}
		<-time.After(2 * time.Second) // likewise
		invoke(200)
	}, func(cfg *signalr.Config) { cfg.InvocationRate, cfg.InvocationBurst = 100, 200 })
}

// A flood before the handshake is a flood as well. The client is told no reason, because there is no protocol yet.
func TestFloodBeforeTheHandshake(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dial()
		go c.flood(2001, "", ws.OpPong)
		c.expectClose(ws.StatusPolicyViolation)
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.RateExceeded}, b.observer.reasons())
	}, func(cfg *signalr.Config) { cfg.MessageRate, cfg.MessageBurst = 1000, 2000 })
}

// Stateful reconnect does not help a flood.
func TestFloodWithStatefulReconnect(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dialStateful()
		go c.flood(201, nothing, ws.OpText)
		c.refusedFor("The client sends more than 100 invocations per second.")
		require.NoError(b.t, c.conn.Close())
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.RateExceeded}, b.observer.reasons())
	}, func(cfg *signalr.Config) { cfg.InvocationRate, cfg.InvocationBurst = 100, 200 })
}

// Another WebSocket for the same connection costs as much as a new connection.
func TestResumesCountAsNegotiations(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		token := b.issueWith(b.t, "&useStatefulReconnect=true")
		c := b.dialToken(token)
		c.send(`{"protocol":"json","version":2}`)
		c.expect(`{}`)
		webSocket := []string{"Connection", "Upgrade", "Upgrade", "websocket"}
		for range 3 {
			require.NotEqual(b.t, http.StatusTooManyRequests,
				b.from("192.0.2.9:1", http.MethodGet, "/hub?access_token=user&id="+token, webSocket...).Code)
		}
		require.Equal(b.t, http.StatusTooManyRequests,
			b.from("192.0.2.9:1", http.MethodGet, "/hub?access_token=user&id="+token, webSocket...).Code)
	}, func(cfg *signalr.Config) { cfg.NegotiationRate, cfg.NegotiationBurst = 1, 3 })
}
