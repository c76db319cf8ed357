package peers_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/peers"
)

// Acceptance: A-477.
func TestARequestReachesTheOtherNodeAsItsClientSentIt(t *testing.T) {
	t.Parallel()
	a, b := start(t, "db"), start(t, "db")
	acquainted(a, b)
	seen := make(chan *http.Request, 1)
	b.hub = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- r.Clone(context.WithoutCancel(r.Context()))
		w.Header().Set("X-Answer", "yes")
		w.Header().Set("Vary", "Origin")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(body)
	}
	r := a.request(t, http.MethodPost, b, "/hubs/order%20s?id=a%3Bb&x=1;2", strings.NewReader("payload"),
		"Authorization", "Bearer token", "X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", "https",
		"Forwarded", "for=203.0.113.7",
		"X-Real-Ip", "203.0.113.7", "Connection", "X-Hop", "X-Hop", "secret", "X-Two", "1", "X-Two", "2")
	r.Host = "orders.example"
	answer := send(t, r)
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
	require.Equal(t, "payload", text(t, answer))
	require.Equal(t, "yes", answer.Header.Get("X-Answer"))
	require.Equal(t, []string{"Origin"}, answer.Header.Values("Vary"), "both nodes set it")
	require.Empty(t, answer.Header.Get("X-Herald-Node-Proof"), "what nodes prove to each other is not the client's")

	got := <-seen
	require.Equal(t, "/hubs/order s", got.URL.Path)
	require.Equal(t, "id=a%3Bb&x=1;2", got.URL.RawQuery)
	require.Equal(t, "orders.example", got.Host)
	require.Equal(t, "Bearer token", got.Header.Get("Authorization"))
	require.Equal(t, []string{"1", "2"}, got.Header.Values("X-Two"))
	require.Equal(t, "127.0.0.1:0", got.RemoteAddr, "the client's address, not the node's, and not what the client says")
	require.Equal(t, "http", got.Header.Get("X-Forwarded-Proto"))
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "X-Hop", "X-Herald-Node"} {
		require.Empty(t, got.Header.Get(name), name)
	}
	require.Equal(t, true, got.Context().Value(forwardedKey{}), "it is never forwarded again")
	speaker, ok := peers.Speaker(got.Context())
	require.True(t, ok)
	require.Equal(t, a.id, speaker)
	require.Equal(t, 1, a.counts.of("answered"))
}

// Acceptance: A-479.
func TestAnOwnerThatIsGoneIsToldBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	a, b := start(t, "db"), start(t, "db")
	other := start(t, "db")
	stranger := start(t, "another database")
	silent := start(t, "db")
	acquainted(a, b, silent)

	require.Contains(t, a.said(t, http.MethodGet, other, nil), "is not registered")

	b.server.Close()
	require.Contains(t, a.said(t, http.MethodPost, b, strings.NewReader("x")), "connection refused")
	require.Equal(t, 1, a.counts.of("gone"))
	require.Equal(t, 1, a.counts.of("failed"))

	// Another server has taken the node's port.
	taken := b.peer()
	taken.URL = stranger.server.URL
	a.Learn([]peers.Peer{taken})
	require.Contains(t, a.said(t, http.MethodGet, b, nil), "refuses it (signature)")
	taken.URL = other.server.URL
	a.Learn([]peers.Peer{taken})
	require.Contains(t, a.said(t, http.MethodGet, b, nil), "another node answers there")

	// A node that does not report that it is alive is probed first.
	asleep := silent.peer()
	asleep.Alive = false
	a.Learn([]peers.Peer{asleep})
	silent.hub = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }
	untilTrue(t, func() bool { return a.said(t, http.MethodGet, silent, nil) == "here" },
		"it is cut off from the database only")
	var listen net.ListenConfig
	// accepts connections and answers nothing, as a stopped process does
	frozen, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer frozen.Close()
	asleep.Node, asleep.URL = uuid.New(), "http://"+frozen.Addr().String()
	a.Learn([]peers.Peer{asleep})
	var both sync.WaitGroup
	for range 2 {
		r := a.request(t, http.MethodGet, silent, "/hubs/x", nil)
		r.URL.Path = "/to/" + asleep.Node.String() + "/hubs/x"
		both.Go(func() {
			answer := send(t, r)
			assert.Equal(t, http.StatusNotFound, answer.StatusCode)
			assert.Contains(t, text(t, answer), "is silent: no answer within 2s")
		})
	}
	both.Wait()
	require.Equal(t, 1, accepted(t, frozen), "it is asked once for all")

	asleep = silent.peer()
	asleep.Alive = false
	asleep.URL = ""
	a.Learn([]peers.Peer{asleep})
	require.Contains(t, a.said(t, http.MethodGet, silent, nil), "tells no address")
}

// Acceptance: A-474.
func TestEventsArriveAsTheyAreSentAndEndWithTheClient(t *testing.T) {
	t.Parallel()
	a, b := start(t, "db"), start(t, "db")
	acquainted(a, b)
	next, left := make(chan string), make(chan struct{})
	b.hub = func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		for {
			select {
			case event := <-next:
				_, _ = io.WriteString(w, event)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
	go func() { next <- ":\n" }()
	ctx, leave := context.WithCancel(t.Context())
	answer := send(t, a.request(t, http.MethodGet, b, "/hubs/x", nil, "Accept", "text/event-stream").WithContext(ctx))
	lines := bufio.NewReader(answer.Body)
	for i := range 3 {
		if i > 0 {
			next <- fmt.Sprintf("data: %d\n", i)
		}
		_, err := lines.ReadString('\n')
		require.NoError(t, err, "each comes before the next one is sent")
	}
	require.Equal(t, 1, a.Forwarding())
	leave()
	select {
	case <-left:
	case <-time.After(patience):
		require.FailNow(t, "the other node does not notice that the client has left")
	}
	require.Eventually(t, func() bool { return a.Forwarding() == 0 }, patience, glance)
}

// upgraded sends a WebSocket client's request, with early data behind it, and returns the socket behind the
// answer's head.
func upgraded(t *testing.T, r *http.Request, early string) (net.Conn, *bufio.Reader) {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", r.URL.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn,
		"GET %s HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\r\n%s",
		r.URL.RequestURI(), early)
	require.NoError(t, err)
	lines := bufio.NewReader(conn)
	answer, err := http.ReadResponse(lines, r)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, answer.StatusCode)
	require.Equal(t, "proof", answer.Header.Get("Sec-Websocket-Accept"))
	require.Empty(t, answer.Header.Get("X-Herald-Node-Proof"))
	return conn, lines
}

// echo takes a WebSocket over and sends all data back, until it ends.
func echo(ended chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Sec-Websocket-Key") != "abc" {
			http.Error(w, "no WebSocket", http.StatusBadRequest)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer close(ended)
		defer conn.Close()
		_, _ = fmt.Fprintf(conn,
			"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: proof\r\n%s: %s\r\n\r\n",
			"X-Herald-Node-Proof", w.Header().Get("X-Herald-Node-Proof"))
		for {
			line, err := rw.ReadString('\n')
			if err != nil || line == "bye\n" {
				return
			}
			_, _ = io.WriteString(conn, line)
		}
	}
}

// Acceptance: A-475.
func TestAWebSocketIsCarriedBothWaysUntilEitherSideEnds(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"client", "node"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			a, b := start(t, "db"), start(t, "db")
			acquainted(a, b)
			ended := make(chan struct{})
			b.hub = echo(ended)
			conn, lines := upgraded(t, a.request(t, http.MethodGet, b, "/hubs/x", nil), "early\n")
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "early\n", line, "what comes with the request is not lost")
			large := strings.Repeat("x", 1<<20) + "\n"
			go func() { _, _ = io.WriteString(conn, large) }()
			line, err = lines.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, large, line)
			require.Equal(t, 1, a.Forwarding())
			if who == "client" {
				_ = conn.Close()
			} else {
				_, err = io.WriteString(conn, "bye\n")
				require.NoError(t, err)
				_, err = lines.ReadByte()
				require.ErrorIs(t, err, io.EOF)
			}
			<-ended
			require.Eventually(t, func() bool { return a.Forwarding() == 0 }, patience, glance)
		})
	}
}

// Acceptance: A-481.
func TestAsManyAreForwardedAsMayBe(t *testing.T) {
	t.Parallel()
	a, b := start(t, "db", func(c *peers.Config) { c.MaxForwarded = 1 }), start(t, "db")
	acquainted(a, b)
	release := make(chan struct{})
	b.hub = func(w http.ResponseWriter, _ *http.Request) { <-release }
	first := make(chan int, 1)
	waiting := a.request(t, http.MethodGet, b, "/hubs/x", nil)
	go func() {
		answer, err := http.DefaultTransport.RoundTrip(waiting)
		if err == nil {
			_ = answer.Body.Close()
			first <- answer.StatusCode
		}
		close(first)
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	}()
	require.Eventually(t, func() bool { return a.Forwarding() == 1 }, patience, glance)
	refused := a.ask(t, http.MethodPost, b, "/hubs/x", strings.NewReader("x"))
	require.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
	require.Equal(t, "1", refused.Header.Get("Retry-After"))
	require.Equal(t, 1, a.counts.of("limit"))
	close(release)
	require.Equal(t, http.StatusOK, <-first)
	require.Equal(t, http.StatusOK, a.ask(t, http.MethodPost, b, "/hubs/x", strings.NewReader("x")).StatusCode)
}

// Acceptance: A-482.
func TestWhatWaitsEndsWithTheNodeThatForwardsIt(t *testing.T) {
	t.Parallel()
	a, b := start(t, "db"), start(t, "db")
	acquainted(a, b)
	begun := make(chan struct{}, 3)
	ended := make(chan struct{})
	sockets := echo(ended)
	b.hub = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			sockets(w, r)
		case r.Header.Get("Accept") != "":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, ":\n")
			_ = http.NewResponseController(w).Flush()
			begun <- struct{}{}
			<-r.Context().Done()
		default:
			begun <- struct{}{}
			<-r.Context().Done()
		}
	}
	events := send(t, a.request(t, http.MethodGet, b, "/hubs/x", nil, "Accept", "text/event-stream"))
	<-begun
	poll := make(chan *http.Response, 1)
	waiting := a.request(t, http.MethodGet, b, "/hubs/x", nil)
	go func() { poll <- send(t, waiting) }() //nolint:testifylint // a failure there is a nil answer here
	<-begun
	conn, lines := upgraded(t, a.request(t, http.MethodGet, b, "/hubs/x", nil), "")
	_, err := io.WriteString(conn, "x\n")
	require.NoError(t, err)
	_, err = lines.ReadString('\n')
	require.NoError(t, err)

	a.Shutdown(t.Context(), 100*time.Millisecond)
	require.Zero(t, a.Forwarding())
	require.Equal(t, ":\n", text(t, events), "the stream ends as the other node would end it")
	// The poll may be a connection's first one. A 204 as its answer ends the whole process of Microsoft's JavaScript
	// client.
	answered := <-poll
	require.Equal(t, http.StatusOK, answered.StatusCode)
	require.Empty(t, text(t, answered))
	_, err = lines.ReadByte()
	require.Error(t, err)
	<-ended
	require.Equal(t, http.StatusServiceUnavailable, a.ask(t, http.MethodGet, b, "/hubs/x", nil).StatusCode)
	require.Equal(t, http.StatusServiceUnavailable,
		a.ask(t, http.MethodGet, b, "/hubs/x", nil, "Accept", "text/event-stream").StatusCode)
}

// accepted counts the connections that wait for a listener that has accepted none.
func accepted(t *testing.T, l net.Listener) (count int) {
	t.Helper()
	for {
		require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(100*time.Millisecond)))
		conn, err := l.Accept()
		if err != nil {
			return count
		}
		_ = conn.Close()
		count++
	}
}

func TestAClientThatDoesNotReadIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Accept: text/event-stream", "Connection: Upgrade\r\nUpgrade: websocket"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a, b := start(t, "db", func(c *peers.Config) { c.WriteTimeout = 100 * time.Millisecond }), start(t, "db")
			acquainted(a, b)
			ended := make(chan struct{})
			b.hub = func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				var to io.Writer = w
				if r.Header.Get("Upgrade") != "" {
					conn, _, err := http.NewResponseController(w).Hijack()
					if err != nil {
						return
					}
					defer conn.Close()
					_, _ = fmt.Fprintf(conn,
						"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Herald-Node-Proof: %s\r\n\r\n",
						w.Header().Get("X-Herald-Node-Proof"))
					to = conn
				} else {
					w.Header().Set("Content-Type", "text/event-stream")
				}
				for chunk := make([]byte, 64<<10); ; {
					if _, err := to.Write(chunk); err != nil {
						return
					}
				}
			}
			var dialer net.Dialer
			conn, err := dialer.DialContext(t.Context(), "tcp", a.server.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			_, err = fmt.Fprintf(conn, "GET /to/%s/hubs/x HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", b.id, kind)
			require.NoError(t, err)
			select {
			case <-ended:
			case <-time.After(patience):
				require.FailNow(t, "the other node writes on")
			}
			require.Eventually(t, func() bool { return a.Forwarding() == 0 }, patience, glance)
		})
	}
}

func TestAPollThatWaitsForLongIsAnswered(t *testing.T) {
	t.Parallel()
	// The server's own deadline for answers has passed by then.
	a, b := start(t, "db"), start(t, "db")
	acquainted(a, b)
	b.hub = func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(300 * time.Millisecond)
		w.WriteHeader(http.StatusNoContent)
	}
	bounded := http.Server{
		ReadHeaderTimeout: patience,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			a.server.Config.Handler.ServeHTTP(w, r)
		}),
	}
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- bounded.Serve(l) }()
	r := a.request(t, http.MethodGet, b, "/hubs/x", nil)
	r.URL.Host = l.Addr().String()
	require.Equal(t, http.StatusNoContent, send(t, r).StatusCode)
	require.NoError(t, bounded.Close())
	require.ErrorIs(t, <-served, http.ErrServerClosed)
}

func TestAWebSocketOutlivesTheTimeOfAWrite(t *testing.T) {
	t.Parallel()
	const writeTimeout = 300 * time.Millisecond
	a, b := start(t, "db", func(c *peers.Config) { c.WriteTimeout = writeTimeout }), start(t, "db")
	acquainted(a, b)
	ended := make(chan struct{})
	b.hub = echo(ended)
	conn, lines := upgraded(t, a.request(t, http.MethodGet, b, "/hubs/x", nil), "")
	for range 2 {
		<-time.After(2 * writeTimeout) // no write for longer than one may take
		_, err := io.WriteString(conn, "x\n")
		require.NoError(t, err)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "x\n", line)
	}
	_ = conn.Close()
	<-ended
}
