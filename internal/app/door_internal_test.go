package app

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

const (
	doorPatience = time.Minute
	doorSecret   = "a development secret of more than 32 bytes"
)

// doored serves /open to all and /closed to clients with a token, behind a door.
type doored struct {
	*door
	address string
	token   string
	clock   atomic.Int64 // seconds

	mu       sync.Mutex
	log      strings.Builder
	reasons  []string
	failures int
}

// Write makes it the log's destination.
func (d *doored) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(p)
}

func (d *doored) lines() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.FieldsFunc(d.log.String(), func(r rune) bool { return r == '\n' })
}

func (d *doored) turned() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.reasons...)
}

func newDoored(t *testing.T, wrap func(net.Listener) net.Listener, configure func(*doorConfig)) *doored {
	t.Helper()
	d := &doored{}
	cfg := doorConfig{
		most: 3, mostPerAddress: 2, idle: time.Hour, stale: time.Second, rush: time.Millisecond,
		now:    func() time.Time { return time.Unix(d.clock.Load(), 0) },
		logger: slog.New(slog.NewTextHandler(d, nil)),
		turnedAway: func(reason string) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.reasons = append(d.reasons, reason)
		},
		acceptFailed: func() { d.mu.Lock(); d.failures++; d.mu.Unlock() },
	}
	d.clock.Store(1000)
	if configure != nil {
		configure(&cfg)
	}
	d.door = newDoor(cfg)
	verifier, err := auth.NewVerifier(t.Context(), auth.Config{Secret: doorSecret})
	require.NoError(t, err)
	d.token, err = auth.Mint(doorSecret, auth.Grant{Subject: "user", TTL: time.Hour})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /open", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("GET /closed", func(w http.ResponseWriter, r *http.Request) {
		if _, err := (doorkeeper{verifier}).FromRequest(r); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	mux.HandleFunc("GET /node", func(_ http.ResponseWriter, r *http.Request) { welcomed(r.Context()) })
	mux.HandleFunc("GET /hijacked", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
	})
	var listen net.ListenConfig
	socket, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if wrap != nil {
		socket = wrap(socket)
	}
	server := newHTTPServer(mux, slog.New(slog.DiscardHandler))
	server.ReadHeaderTimeout = time.Hour
	socket = d.guard(server, socket)
	d.address = socket.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
		require.Eventually(t, func() bool {
			d.door.mu.Lock()
			defer d.door.mu.Unlock()
			return d.waiting.Len() == 0 && len(d.places) == 0 && len(d.sites) == 0
		}, doorPatience, time.Millisecond, "the door remembers no socket that is gone")
	})
	return d
}

// visitor is a socket's other end.
type visitor struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

// from opens a socket from an address of the loopback network.
func (d *doored) from(t *testing.T, ip string) *visitor {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", d.address)
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Skip("this machine has one loopback address only")
	}
	if errors.Is(err, syscall.ECONNRESET) { // closed before the dialler had looked
		return &visitor{t: t}
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &visitor{t, conn, bufio.NewReader(conn)}
}

// asks sends a request, and returns the status of the answer.
func (v *visitor) asks(path, token string) int {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, "http://node"+path, nil)
	require.NoError(v.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	require.NoError(v.t, r.Write(v))
	require.NoError(v.t, v.SetReadDeadline(time.Now().Add(doorPatience)))
	answer, err := http.ReadResponse(v.in, r)
	require.NoError(v.t, err)
	_, _ = io.Copy(io.Discard, answer.Body)
	require.NoError(v.t, answer.Body.Close())
	return answer.StatusCode
}

// closed waits until the server has closed the socket.
func (v *visitor) closed() {
	v.t.Helper()
	if v.Conn == nil {
		return
	}
	require.NoError(v.t, v.SetReadDeadline(time.Now().Add(doorPatience)))
	_, err := io.Copy(io.Discard, v)
	require.NotErrorIs(v.t, err, os.ErrDeadlineExceeded, "the socket is open still")
}

func (d *doored) counts(t *testing.T, want int) {
	t.Helper()
	require.Eventually(t, func() bool { return d.counted() == want }, doorPatience, time.Millisecond,
		"%d sockets count", want)
}

func TestSocketsWithoutATokenAreLimited(t *testing.T) {
	t.Parallel()
	d := newDoored(t, nil, nil)
	first, second := d.from(t, "127.0.0.1"), d.from(t, "127.0.0.1")
	d.counts(t, 2)
	d.from(t, "127.0.0.1").closed()
	require.Equal(t, []string{socketsFullAddress}, d.turned())
	third := d.from(t, "127.0.0.2")
	d.counts(t, 3)
	d.from(t, "127.0.0.3").closed()
	require.Equal(t, []string{socketsFullAddress, socketsFull}, d.turned())
	require.Len(t, d.lines(), 1, "the log has one line within some seconds")
	require.Contains(t, d.lines()[0], "HERALD_TRUSTED_PROXIES")
	for _, v := range []*visitor{first, second, third} {
		require.Equal(t, http.StatusOK, v.asks("/open", ""), "those that were let in are served")
	}
	d.counts(t, 3)

	require.NoError(t, first.Close())
	d.counts(t, 2)
	d.clock.Add(int64(complaintInterval / time.Second))
	require.Equal(t, http.StatusOK, d.from(t, "127.0.0.1").asks("/open", ""))
}

func TestSocketsOfUsersDoNotCount(t *testing.T) {
	t.Parallel()
	d := newDoored(t, nil, nil)
	for range 5 {
		v := d.from(t, "127.0.0.1")
		require.Equal(t, http.StatusUnauthorized, v.asks("/closed", "no token"))
		d.counts(t, 1)
		require.Equal(t, http.StatusOK, v.asks("/closed", d.token))
		d.counts(t, 0)
		require.Equal(t, http.StatusOK, v.asks("/open", ""), "one that has shown a token stays a user's")
		d.counts(t, 0)
	}
	for range 5 {
		v := d.from(t, "127.0.0.1")
		_, err := io.WriteString(v, "GET /hijacked HTTP/1.1\r\nHost: node\r\n\r\n")
		require.NoError(t, err)
		d.counts(t, 0)
	}
	require.Empty(t, d.turned())
}

// A socket that holds its place for long loses it to a new one: silent sockets keep no client out.
func TestStaleSocketsMakeRoom(t *testing.T) {
	t.Parallel()
	for name, busy := range map[string]string{
		"silent": "", "slow header": "GET /open HT", "idle": "GET /open HTTP/1.1\r\nHost: node\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoored(t, nil, nil)
			held := []*visitor{d.from(t, "127.0.0.1"), d.from(t, "127.0.0.1"), d.from(t, "127.0.0.2")}
			d.counts(t, 3)
			for _, v := range held {
				_, err := io.WriteString(v, busy)
				require.NoError(t, err)
			}
			d.clock.Add(1)
			require.Equal(t, http.StatusOK, d.from(t, "127.0.0.1").asks("/open", ""), "the address's oldest makes room")
			require.Equal(t, http.StatusOK, d.from(t, "127.0.0.3").asks("/open", ""), "the listener's oldest makes room")
			require.Equal(t, []string{socketsStale, socketsStale}, d.turned())
			d.counts(t, 3)
		})
	}
}

// Many clients of one address that connect together, as after an interruption, are all let in: each shows its token
// as soon as it can.
func TestARushOfUsersIsLetIn(t *testing.T) {
	t.Parallel()
	const clients = 200
	d := newDoored(t, nil, func(c *doorConfig) { c.rush = doorPatience })
	start := make(chan struct{})
	in := make(chan bool, clients)
	request := "GET /closed HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer " + d.token + "\r\n\r\n"
	for range clients {
		go func() {
			<-start
			var dialer net.Dialer
			conn, err := dialer.DialContext(t.Context(), "tcp", d.address)
			if err != nil {
				in <- false
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, request)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				in <- false
				return
			}
			in <- answer.StatusCode == http.StatusOK
			_ = answer.Body.Close()
		}()
	}
	close(start)
	let := 0
	for range clients {
		if <-in {
			let++
		}
	}
	require.Equal(t, clients, let, "with two places")
}

// Sockets that only hold places make the listener wait, but seldom.
func TestSilentSocketsStopNoListener(t *testing.T) {
	t.Parallel()
	d := newDoored(t, nil, nil)
	d.from(t, "127.0.0.1")
	d.from(t, "127.0.0.1")
	d.counts(t, 2)
	for range 50 {
		d.from(t, "127.0.0.1").closed()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	require.Len(t, d.reasons, 50)
	d.door.mu.Lock()
	defer d.door.mu.Unlock()
	require.Len(t, d.stuckFor, 1, "it has waited once, as no time passes")
}

// All clients behind a trusted proxy share one address.
func TestAProxysSocketsCountForTheListenerOnly(t *testing.T) {
	t.Parallel()
	d := newDoored(t, nil, func(c *doorConfig) {
		c.proxies, c.idle = []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}, time.Nanosecond
	})
	for range 3 {
		require.Equal(t, http.StatusOK, d.from(t, "127.0.0.9").asks("/open", ""))
	}
	d.counts(t, 3) // which wait for their next requests
	d.from(t, "127.0.0.9").closed()
	require.Equal(t, []string{socketsFull}, d.turned())
}

func TestIdleSocketsAreClosed(t *testing.T) {
	t.Parallel()
	d := newDoored(t, nil, func(c *doorConfig) { c.idle = time.Millisecond })
	v := d.from(t, "127.0.0.1")
	require.Equal(t, http.StatusOK, v.asks("/open", ""))
	v.closed()
	require.Equal(t, 15*time.Second, socketIdle)
}
