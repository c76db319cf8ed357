package signalr_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// drip is a body that comes in pieces, each after a pause, and may have no end.
type drip struct {
	piece string
	every time.Duration
	left  int // pieces; negative: endless
	taken *atomic.Int64
}

func (d *drip) Read(b []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	d.left--
	if d.every > 0 {
		<-time.After(d.every)
	}
	n := copy(b, d.piece)
	if d.taken != nil {
		d.taken.Add(int64(n))
	}
	return n, nil
}

// stuck adds a method that runs until the returned function is called.
func stuck(b *bubble) (release func()) {
	done := make(chan struct{})
	signalr.Method0(b.hub, "Stuck", func(context.Context, *signalr.Call) (any, error) {
		<-done
		return nil, nil
	})
	return func() { close(done) }
}

const callStuck = `{"type":1,"invocationId":"s","target":"Stuck","arguments":[]}`

func postInBackground(ctx context.Context, h *half, body io.Reader) <-chan int {
	h.t.Helper()
	done := make(chan int, 1)
	go func() {
		response, err := h.request(ctx, http.MethodPost, body)
		if err != nil {
			done <- 0
			return
		}
		_ = response.Body.Close()
		done <- response.StatusCode
	}()
	return done
}

// ahead is how much HTTP/2 lets a client send before the server reads it
// (http.HTTP2Config.MaxReceiveBufferPerStream).
func (b *bubble) ahead(c talker) int64 {
	if halfOf(c).http == b.client2 {
		return 1 << 20
	}
	return 0
}

func TestPostAnswers(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, f *fixture, c talker) {
		t.Helper()
		greet(t, f, c)
		for _, body := range []string{"", ping + "\x1e", nothing + nothing} {
			a := halfOf(c).do(http.MethodPost, body)
			require.Equal(t, http.StatusOK, a.status)
			require.Empty(t, a.body)
			require.Equal(t, "text/plain", a.header.Get("Content-Type"))
			require.Equal(t, "0", a.header.Get("Content-Length"))
		}
		c.expect(nothingResult, nothingResult)
	})
}

// One body may hold many records that together exceed the largest one, and one record may span many bodies.
func TestRecordsAndBodiesNeedNotCoincide(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, f *fixture, c talker) {
		t.Helper()
		h := halfOf(c)
		greet(t, f, c)
		require.Equal(t, http.StatusOK, h.do(http.MethodPost, strings.Repeat(nothing, 3000)).status)
		for range 3000 {
			c.expect(nothingResult)
		}
		rest := strings.Repeat(nothing, 20)
		for size := 1; rest != ""; size += 7 {
			n := min(size, len(rest))
			require.Equal(t, http.StatusOK, h.do(http.MethodPost, rest[:n]).status)
			rest = rest[n:]
		}
		for range 20 {
			c.expect(nothingResult)
		}
		largest := strings.TrimSuffix(nothing, "\x1e") +
			strings.Repeat(" ", signalr.DefaultSettings().MaximumMessageSize-len(nothing)) + "\x1e"
		require.Equal(t, http.StatusOK, h.do(http.MethodPost, largest+largest+nothing+nothing).status)
		for range 4 {
			c.expect(nothingResult)
		}
		large := strings.Repeat("é", 15_000)
		c.send(`{"type":1,"invocationId":"1","target":"Echo","arguments":["` + large + `"]}`)
		c.expect(`{"type":3,"invocationId":"1","result":"` + large + `"}`)
	})
}

// The requests of a connection are one stream, in the order in which they came.
func TestPostsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		release := stuck(b)
		greet(b.t, b.fixture, c)
		c.send(callStuck)
		var posts [50]<-chan int
		for i := range posts {
			body := fmt.Sprintf(`{"type":1,"invocationId":"%d","target":"Echo","arguments":["%s"]}`+"\x1e", i,
				strings.Repeat("x", i*37))
			posts[i] = postInBackground(context.Background(), halfOf(c), strings.NewReader(body))
			synctest.Wait()
		}
		release()
		c.expect(`{"type":3,"invocationId":"s","result":null}`)
		for i, done := range posts {
			require.Equal(b.t, http.StatusOK, <-done)
			c.expect(fmt.Sprintf(`{"type":3,"invocationId":"%d","result":"%s"}`, i, strings.Repeat("x", i*37)))
		}
	})
}

// While the reader is busy, the client may send only a few kilobytes more.
func TestPostBackPressure(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		release := stuck(b)
		greet(b.t, b.fixture, c)
		c.send(callStuck)
		var taken atomic.Int64
		const count = 2000
		record := strings.TrimSuffix(nothing, "\x1e") + strings.Repeat(" ", 1000) + "\x1e"
		done := postInBackground(context.Background(), halfOf(c), &drip{piece: record, left: count, taken: &taken})
		synctest.Wait()
		require.Less(b.t, taken.Load(), 32<<10+b.ahead(c),
			"what the inbox, its request and the HTTP buffers of both ends hold")
		require.Empty(b.t, done)
		<-time.After(time.Minute) // the client is not to blame for it
		require.Empty(b.t, done)
		release()
		c.expect(`{"type":3,"invocationId":"s","result":null}`)
		for range count {
			c.expect(nothingResult)
		}
		require.Equal(b.t, http.StatusOK, <-done)
	}, func(cfg *signalr.Config) { cfg.KeepAliveInterval, cfg.DisconnectTimeout = time.Hour, time.Hour })
}

func TestPostThatIsGivenUpWhileItWaits(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		release := stuck(b)
		greet(b.t, b.fixture, c)
		c.send(callStuck)
		full := strings.TrimSuffix(nothing, "\x1e") + strings.Repeat(" ", 4<<10-len(nothing))
		c.send(full)
		ctx, cancel := context.WithCancel(context.Background())
		echo := func(text string) string {
			return `{"type":1,"invocationId":"1","target":"Echo","arguments":["` + text + `"]}` + "\x1e"
		}
		waitingForRoom := postInBackground(ctx, halfOf(c), strings.NewReader(echo("room")))
		synctest.Wait()
		waitingForTurn := postInBackground(ctx, halfOf(c), strings.NewReader(echo("turn")))
		synctest.Wait()
		cancel()
		require.Zero(b.t, <-waitingForRoom)
		require.Zero(b.t, <-waitingForTurn)
		synctest.Wait()
		release()
		c.expect(`{"type":3,"invocationId":"s","result":null}`, nothingResult)
		c.send(strings.TrimSuffix(echo("after"), "\x1e"))
		for record := c.receive(); record != `{"type":3,"invocationId":"1","result":"after"}`; record = c.receive() {
			require.JSONEq(b.t, `{"type":3,"invocationId":"1","result":"turn"}`, record,
				"its body had come by the time that it had its turn: nobody sees a client leave before")
		}
	})
}

func TestTooManyPosts(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		release := stuck(b)
		greet(b.t, b.fixture, c)
		c.send(callStuck)
		c.send(strings.TrimSuffix(nothing, "\x1e") + strings.Repeat(" ", 4<<10-len(nothing)))
		var posts [80]<-chan int
		for i := range posts {
			posts[i] = postInBackground(context.Background(), halfOf(c), strings.NewReader(nothing))
			synctest.Wait()
		}
		for _, done := range posts[65:] {
			require.Equal(b.t, http.StatusTooManyRequests, <-done)
		}
		release()
		for _, done := range posts[:65] {
			require.Equal(b.t, http.StatusOK, <-done)
		}
		c.expect(`{"type":3,"invocationId":"s","result":null}`)
		for range 66 {
			c.expect(nothingResult)
		}
	})
}

// The answer to a POST says that the connection has it, even where its beginning has ended the connection meanwhile.
// Here it does, being larger than a message may be. The connection's last message says why it ended.
func TestPostThatEndsItsConnection(t *testing.T) {
	t.Parallel()
	for _, size := range []int{40_000, 100_000, 200_000} {
		overEach(t, func(t *testing.T, f *fixture, c talker) {
			t.Helper()
			greet(t, f, c)
			body := `{"type":1,"target":"Echo","arguments":["` + strings.Repeat("x", size) + `"]}` + "\x1e"
			a := halfOf(c).do(http.MethodPost, body)
			require.Equal(t, http.StatusOK, a.status, "%d bytes", size)
			require.Empty(t, a.body)
			c.expect(closedWithError)
			c.expectEnd()
		})
	}
}

// .NET takes POST requests from the moment of negotiating on.
func TestPostBeforeTheConnection(t *testing.T) {
	t.Parallel()
	connect := map[string]func(*half) talker{
		"ServerSentEvents": func(h *half) talker { return h.stream() },
		"LongPolling":      func(h *half) talker { return h.poller() },
	}
	for transport, connect := range connect {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b *bubble) {
				h := b.negotiated(b.t, b.client)
				require.Equal(b.t, http.StatusOK, h.do(http.MethodPost, handshake+nothing).status)
				require.Equal(b.t, http.StatusOK, h.do(http.MethodPost, nothing).status)
				large := postInBackground(context.Background(), h, strings.NewReader(strings.Repeat(nothing, 1000)))
				synctest.Wait()
				require.Empty(b.t, large, "it waits")
				c := connect(h)
				c.expect(`{}`)
				for range 1002 {
					c.expect(nothingResult)
				}
				require.Equal(b.t, http.StatusOK, <-large)
			})
		})
	}
	t.Run("that does not come", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			h := b.negotiated(b.t, b.client)
			from := time.Now()
			require.Equal(b.t, http.StatusNotFound,
				<-postInBackground(context.Background(), h, strings.NewReader(strings.Repeat(nothing, 1000))))
			require.InDelta(b.t, 15, time.Since(from).Seconds(), 1)
			require.Equal(b.t, http.StatusNotFound, h.do(http.MethodGet, "").status)
			require.Zero(b.t, b.observer.opened())
		})
	})
	t.Run("that the shutdown prevents", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			h := b.negotiated(b.t, b.client)
			done := postInBackground(context.Background(), h, strings.NewReader(strings.Repeat(nothing, 1000)))
			synctest.Wait()
			require.NoError(b.t, b.Shutdown(context.Background()))
			require.Equal(b.t, http.StatusNotFound, <-done)
		})
	})
	t.Run("of too many", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		for range 1024 {
			require.Equal(t, http.StatusOK, f.direct(http.MethodPost, f.issue(t), handshake))
		}
		token := f.issue(t)
		require.Equal(t, http.StatusServiceUnavailable, f.direct(http.MethodPost, token, handshake))
		require.Equal(t, http.StatusOK, f.direct(http.MethodGet, token, ""),
			"those that begin as they should are not held up")
		require.Equal(t, http.StatusOK, f.direct(http.MethodPost, token, handshake))
		require.Equal(t, http.StatusAccepted, f.direct(http.MethodDelete, token, ""))
	})
}
