package signalr_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

func TestEventStreamHeaders(t *testing.T) {
	t.Parallel()
	f := setup(t)
	s := f.stream(t)
	require.Equal(t, "text/event-stream", s.response.Header.Get("Content-Type"))
	require.Equal(t, "no-cache,no-store", s.response.Header.Get("Cache-Control"))
	require.Equal(t, "no-cache", s.response.Header.Get("Pragma"))
	require.Equal(t, "identity", s.response.Header.Get("Content-Encoding"))
	require.NotContains(t, s.response.Header, "Content-Length")
	require.NotContains(t, s.response.Header, "Expires")
}

// Accept is compared as in HttpConnectionDispatcher: by the media type as a whole.
func TestWhatAsksForAnEventStream(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for accept, want := range map[string]string{
		"text/event-stream":                  "text/event-stream",
		"Text/Event-Stream":                  "text/event-stream",
		"application/json,text/event-stream": "text/event-stream",
		"text/event-stream;q=0.9":            "application/octet-stream",
		"text/*":                             "application/octet-stream",
		"*/*":                                "application/octet-stream",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		h := f.negotiated(t, ownClient(t))
		response, err := h.request(ctx, http.MethodGet, nil, "Accept", accept)
		require.NoError(t, err)
		require.Equal(t, want, response.Header.Get("Content-Type"), accept)
		cancel()
		require.NoError(t, response.Body.Close())
		h.do(http.MethodDelete, "") // else the server waits for the poller
	}
}

// JSON may hold line ends between its values. None may end the event's line, whatever its kind.
func TestEventsOfSeveralLines(t *testing.T) {
	t.Parallel()
	f := setup(t)
	s := f.stream(t)
	conn := greet(t, f, s)
	for _, end := range []string{"\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n\r"} {
		require.NoError(t, conn.Send(message("M", "["+end+"1,"+end+"2"+end+"]")))
		require.JSONEq(t, `{"type":1,"target":"M","arguments":[[1,2]]}`, s.receive())
	}
	long := strings.Repeat(" ", 40_000)
	require.NoError(t, conn.Send(message("M", "[\n"+long+"1,\r\n"+long+"2\r]")))
	require.JSONEq(t, `{"type":1,"target":"M","arguments":[[1,2]]}`, s.receive())
}

func TestEventStreamOrderAndSize(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes = 64 << 20 })
	s := f.stream(t)
	conn := greet(t, f, s)
	texts := []string{`"x"`, `"` + strings.Repeat("x", 15<<10) + `"`, `"` + strings.Repeat("é", 100_000) + `"`}
	sent := make(chan error, 1)
	go func() {
		for i := range 3000 {
			if err := conn.Send(message("M", strconv.Itoa(i), texts[i/10%3*(i%10/9)])); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range 3000 {
		s.expect(`{"type":1,"target":"M","arguments":[` + strconv.Itoa(i) + `,` + texts[i/10%3*(i%10/9)] + `]}`)
	}
	require.NoError(t, <-sent)
}

func TestEventStreamKeepAlive(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		s := b.negotiated(b.t, b.client).stream()
		greet(b.t, b.fixture, s)
		for range 10 {
			from := time.Now()
			s.expect(ping)
			require.InDelta(b.t, 15, time.Since(from).Seconds(), 1)
			s.send(ping)
		}
		from := time.Now()
		require.JSONEq(b.t, closedWithError, receiveButPings(s))
		require.InDelta(b.t, 30, time.Since(from).Seconds(), 1)
		s.expectEnd()
		require.Error(b.t, <-b.disconnected)
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.ClientTimedOut}, b.observer.reasons())
	})
}

// A client leaves by ending the stream.
func TestEventStreamClientVanishes(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		for _, client := range []*http.Client{b.client, b.client2} {
			s := b.negotiated(b.t, client).stream()
			conn := greet(b.t, b.fixture, s)
			s.leave()
			require.NoError(b.t, <-b.disconnected)
			require.ErrorIs(b.t, conn.Send(message("M")), signalr.ErrClosed)
			synctest.Wait()
			require.Equal(b.t, http.StatusNotFound, s.do(http.MethodPost, ping+"\x1e").status)
		}
		require.Equal(b.t, []signalr.CloseReason{signalr.ClosedByClient, signalr.ClosedByClient}, b.observer.reasons())
	})
}

// A client that reads nothing is cut off after the time that a write may take, or at once where the connection ends
// anyway.
func TestEventStreamThatNobodyReads(t *testing.T) {
	t.Parallel()
	flood := func(b *bubble) *signalr.Conn {
		s := b.negotiated(b.t, b.client).stream()
		conn := greet(b.t, b.fixture, s)
		require.NoError(b.t, conn.Send(message("M", `"`+strings.Repeat("x", 1<<20)+`"`)))
		synctest.Wait()
		return conn
	}
	t.Run("stuck write", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			conn := flood(b)
			from := time.Now()
			require.Error(b.t, <-b.disconnected)
			require.InDelta(b.t, 30, time.Since(from).Seconds(), 1)
			require.ErrorIs(b.t, conn.Send(message("M")), signalr.ErrClosed)
			synctest.Wait()
			require.Equal(b.t, []signalr.CloseReason{signalr.ClientTooSlow}, b.observer.reasons())
		}, func(cfg *signalr.Config) { cfg.ClientTimeout = time.Hour })
	})
	t.Run("closed", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			conn := flood(b)
			from := time.Now()
			conn.Close("", true)
			require.NoError(b.t, <-b.disconnected)
			require.NoError(b.t, b.Shutdown(context.Background()))
			require.InDelta(b.t, 5, time.Since(from).Seconds(), 1)
		})
	})
	t.Run("shutdown that cannot wait", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			flood(b)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			require.ErrorIs(b.t, b.Shutdown(ctx), context.DeadlineExceeded)
			require.Zero(b.t, b.Connections("test"))
		})
	})
}

// Under HTTP/2 there is no socket to take over, only the response.
func TestHalfTransportsOverHTTP2(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server := httptest.NewUnstartedServer(f.handler())
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	f.url = server.URL + "/hub"
	run(t, f)

	s := f.negotiated(t, server.Client()).stream()
	require.Equal(t, 2, s.response.ProtoMajor)
	p := f.negotiated(t, server.Client()).poller()
	for _, c := range []talker{s, p} {
		conn := greet(t, f, c)
		for i := range 500 {
			require.NoError(t, conn.Send(message("M", strconv.Itoa(i))))
		}
		c.send(strings.TrimSuffix(nothing, "\x1e"))
		for i := range 500 {
			c.expect(`{"type":1,"target":"M","arguments":[` + strconv.Itoa(i) + `]}`)
		}
		c.expect(nothingResult)
		conn.Close("", true)
		c.expect(`{"type":7,"allowReconnect":true}`)
		c.expectEnd()
	}

	// A stream that the client does not read is reset, and no other request of the client's HTTP connection with it.
	stuck := f.negotiated(t, server.Client()).stream()
	conn := greet(t, f, stuck)
	require.NoError(t, conn.Send(message("M", `"`+strings.Repeat("x", 8<<20)+`"`)))
	require.Eventually(t, func() bool { return conn.QueuedBytes() > 0 }, patience, soon)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, f.Shutdown(ctx), context.DeadlineExceeded)
	require.Equal(t, http.StatusNotFound, p.do(http.MethodGet, "").status)
}

// HTTP/1.0 knows no response without an end, and its proxies hold a response until it ends.
func TestEventStreamNeedsHTTP11(t *testing.T) {
	t.Parallel()
	f := setup(t)
	conn, err := netDial(t, strings.TrimPrefix(strings.TrimSuffix(f.url, "/hub"), "http://"))
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "GET /hub?access_token=user&id=%s HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n",
		f.issue(t))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusHTTPVersionNotSupported, response.StatusCode)
	require.Equal(t, "ServerSentEvents transport needs HTTP/1.1", string(body))
}

// deaf is a response in a middleware's wrapper that hides what it can do.
type deaf struct{ http.ResponseWriter }

func TestEventStreamNeedsDeadlines(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mux := http.NewServeMux()
	mux.Handle("/hub/negotiate", f.handler())
	mux.HandleFunc("/hub", func(w http.ResponseWriter, r *http.Request) { f.handler().ServeHTTP(deaf{w}, r) })
	serve(t, f, mux)
	h := f.negotiated(t, ownClient(t))
	require.Equal(t, http.StatusInternalServerError, h.do(http.MethodGet, "", events...).status)
	require.Equal(t, http.StatusOK, h.do(http.MethodGet, "").status, "the token is free again")
	require.Equal(t, http.StatusInternalServerError, h.do(http.MethodGet, "").status)
	require.Equal(t, http.StatusAccepted, h.do(http.MethodDelete, "").status)
}

// The HTTP server's own time-outs are for requests that end.
func TestHTTPServerWithTimeouts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		synctest.Wait() // the server listens, and has not accepted them yet
		b.server.ReadTimeout, b.server.WriteTimeout, b.server.IdleTimeout = time.Second, time.Second, time.Hour
		for _, dial := range []func() talker{
			func() talker { return b.negotiated(b.t, b.client).stream() },
			func() talker { return b.negotiated(b.t, b.client).poller() },
			func() talker { return b.negotiated(b.t, b.client2).stream() },
			func() talker { return b.negotiated(b.t, b.client2).poller() },
		} {
			c := dial()
			conn := greet(b.t, b.fixture, c)
			for range 3 {
				time.AfterFunc(5*time.Second, func() { _ = conn.Send(message("M")) })
				c.expect(`{"type":1,"target":"M","arguments":[]}`)
			}
		}
	})
}
