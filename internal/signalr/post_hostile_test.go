package signalr_test

import (
	"context"
	"errors"
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

// Kestrel gives a body five seconds, and then a second for each 240 bytes.
func TestSlowPost(t *testing.T) {
	t.Parallel()
	t.Run("a byte a second", func(t *testing.T) {
		t.Parallel()
		overEachInBubble(t, func(b *bubble, c talker) {
			greet(b.t, b.fixture, c)
			from := time.Now()
			slow := postInBackground(context.Background(), halfOf(c), &drip{piece: " ", every: time.Second, left: -1})
			other := b.negotiated(b.t, b.client).stream()
			greet(b.t, b.fixture, other)
			other.send(strings.TrimSuffix(nothing, "\x1e"))
			other.expect(nothingResult)
			require.Zero(b.t, time.Since(from), "nobody else waits")
			c.expect(closedWithError)
			c.expectEnd()
			require.Equal(b.t, http.StatusBadRequest, <-slow)
			require.InDelta(b.t, 5, time.Since(from).Seconds(), 1)
			synctest.Wait()
			require.Equal(b.t, []signalr.CloseReason{signalr.ProtocolViolated}, b.observer.reasons())
		})
	})
	t.Run("nothing at all", func(t *testing.T) {
		t.Parallel()
		overEachInBubble(t, func(b *bubble, c talker) {
			greet(b.t, b.fixture, c)
			from := time.Now()
			body, end := io.Pipe()
			defer end.Close()
			silent := postInBackground(context.Background(), halfOf(c), body)
			synctest.Wait()
			c.send(strings.TrimSuffix(nothing, "\x1e"))
			c.expect(nothingResult)
			require.InDelta(b.t, 5, time.Since(from).Seconds(), 0.1)
			require.Equal(b.t, http.StatusBadRequest, <-silent)
		})
	})
	t.Run("fast enough", func(t *testing.T) {
		t.Parallel()
		overEachInBubble(t, func(b *bubble, c talker) {
			greet(b.t, b.fixture, c)
			done := postInBackground(context.Background(), halfOf(c), &drip{piece: nothing, every: time.Second / 5, left: 100})
			for count := 0; count < 100; {
				if c.receive() == nothingResult {
					count++
				}
			}
			require.Equal(b.t, http.StatusOK, <-done)
		})
	})
	t.Run("when the connection ends", func(t *testing.T) {
		t.Parallel()
		overEachInBubble(t, func(b *bubble, c talker) {
			conn := greet(b.t, b.fixture, c)
			body, end := io.Pipe()
			defer end.Close()
			reading := postInBackground(context.Background(), halfOf(c), body)
			_, err := end.Write([]byte(" "))
			require.NoError(b.t, err)
			synctest.Wait()
			another, anotherEnd := io.Pipe()
			defer anotherEnd.Close()
			waiting := postInBackground(context.Background(), halfOf(c), another)
			synctest.Wait()
			from := time.Now()
			conn.Close("", false)
			c.expect(`{"type":7}`)
			c.expectEnd()
			require.NoError(b.t, <-b.disconnected)
			require.Zero(b.t, time.Since(from))
			require.Equal(b.t, http.StatusNotFound, <-reading)
			require.Equal(b.t, http.StatusNotFound, <-waiting)
			require.Less(b.t, time.Since(from).Seconds(), 1.5)
		})
	})
}

func TestPostTooLarge(t *testing.T) {
	t.Parallel()
	limit := 64 * (signalr.DefaultSettings().MaximumMessageSize + 4<<10)
	t.Run("from the header alone", func(t *testing.T) {
		t.Parallel()
		overEach(t, func(t *testing.T, f *fixture, c talker) {
			t.Helper()
			greet(t, f, c)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, halfOf(c).url, &drip{piece: nothing, left: -1})
			require.NoError(t, err)
			r.ContentLength = 2 << 30
			r.Header.Set("Expect", "100-continue")
			response, err := (&http.Client{
				Transport: &http.Transport{ExpectContinueTimeout: patience, DisableKeepAlives: true},
			}).Do(r)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
			c.send(strings.TrimSuffix(nothing, "\x1e"))
			c.expect(nothingResult)
		})
	})
	t.Run("as it comes", func(t *testing.T) {
		t.Parallel()
		overEachInBubble(t, func(b *bubble, c talker) {
			greet(b.t, b.fixture, c)
			var taken atomic.Int64
			done := postInBackground(context.Background(), halfOf(c), &drip{
				piece: strings.Repeat(ping+"\x1e", 100), left: -1, taken: &taken,
			})
			c.expect(closedWithError)
			c.expectEnd()
			require.Contains(b.t, []int{0, http.StatusRequestEntityTooLarge}, <-done)
			require.Greater(b.t, taken.Load(), int64(limit))
			require.Less(b.t, taken.Load(), int64(limit+300<<10)+b.ahead(c))
		})
	})
	t.Run("the largest is taken", func(t *testing.T) {
		t.Parallel()
		overEach(t, func(t *testing.T, f *fixture, c talker) {
			t.Helper()
			greet(t, f, c)
			record := ping + strings.Repeat(" ", 1024-1-len(ping)) + "\x1e"
			require.Equal(t, http.StatusOK, halfOf(c).do(http.MethodPost, strings.Repeat(record, limit/1024)).status)
			c.send(strings.TrimSuffix(nothing, "\x1e"))
			c.expect(nothingResult)
		})
	})
}

// A record without an end is refused once it exceeds the largest record; the server does not wait for the rest.
func TestPostOfEndlessJSON(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		greet(b.t, b.fixture, c)
		var taken atomic.Int64
		from := time.Now()
		done := postInBackground(context.Background(), halfOf(c), &drip{piece: `[[{"a":"b"},`, left: -1, taken: &taken})
		c.expect(closedWithError)
		c.expectEnd()
		require.Contains(b.t, []int{0, http.StatusNotFound}, <-done)
		require.Less(b.t, taken.Load(), 400<<10+b.ahead(c), "what net/http reads of a body that is refused is 256 KiB")
		require.Less(b.t, time.Since(from), 2*time.Second)
	})
}

// A body that breaks off may have broken off within a record, which nothing can continue.
func TestPostThatBreaksOff(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		greet(b.t, b.fixture, c)
		broken := io.MultiReader(strings.NewReader(`{"type":1,`), brokenReader{})
		require.Zero(b.t, <-postInBackground(context.Background(), halfOf(c), broken))
		c.expect(closedWithError)
		c.expectEnd()
	})
}

// net/http waits for a request's body before it writes the answer. An unwanted body that does not come must not hold
// up the writer.
func TestRequestsWithABodyThatDoesNotCome(t *testing.T) {
	t.Parallel()
	overEachInBubble(t, func(b *bubble, c talker) {
		conn := greet(b.t, b.fixture, c)
		h := halfOf(c)
		if _, ok := c.(*stream); ok { // the stream's own request is under way: another connection
			h = b.negotiated(b.t, h.http)
		} else {
			require.NoError(b.t, conn.Send(message("M")))
		}
		for method, headers := range map[string][]string{
			http.MethodGet: events, http.MethodPost: nil, http.MethodDelete: nil,
		} {
			body, end := io.Pipe()
			unknown := *h
			unknown.url = b.url + "?access_token=user&id=x"
			response, err := unknown.request(b.t.Context(), method, body, headers...)
			require.NoError(b.t, err)
			require.Equal(b.t, http.StatusNotFound, response.StatusCode)
			require.NoError(b.t, response.Body.Close())
			require.NoError(b.t, end.Close())
		}
		from := time.Now()
		body, end := io.Pipe()
		defer end.Close()
		var headers []string
		if h != halfOf(c) {
			headers = events
		}
		response, err := h.request(b.t.Context(), http.MethodGet, body, headers...)
		require.NoError(b.t, err)
		defer response.Body.Close()
		require.Equal(b.t, http.StatusOK, response.StatusCode)
		line := make([]byte, 1)
		_, err = response.Body.Read(line)
		require.NoError(b.t, err)
		require.Less(b.t, time.Since(from), 3*time.Second/2)
		done := make(chan error, 1)
		go func() { done <- b.Shutdown(context.Background()) }()
		c.expect(`{"type":7,"allowReconnect":true}`)
		c.expectEnd()
		require.NoError(b.t, <-done)
		require.Less(b.t, time.Since(from), 2*time.Second)
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) {
	<-time.After(time.Second)
	return 0, errors.New("broken")
}
