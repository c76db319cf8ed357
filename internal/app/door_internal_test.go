package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
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
	"github.com/yummyzoom/herald/internal/config"
)

const (
	doorPatience = time.Minute
	doorSecret   = "a development secret of more than 32 bytes"
)

// doored serves /open to all and /closed to who has a token, behind a door.
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

// asks makes a request, and returns the status of the answer.
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
	require.Eventually(t, func() bool { return d.counted() == want }, doorPatience, time.Millisecond, "%d sockets count", want)
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

// A socket that holds its place for long loses it to one that comes: silent ones keep nobody out.
func TestStaleSocketsMakeRoom(t *testing.T) {
	t.Parallel()
	for name, busy := range map[string]string{"silent": "", "slow header": "GET /open HT", "idle": "GET /open HTTP/1.1\r\nHost: node\r\n\r\n"} {
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

// Many clients of one address that come together, as after an interruption, are all let in: each shows its token as soon as it can.
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

// Those that only hold places do not make the listener wait, but seldom.
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

// Behind a trusted proxy all clients are one address.
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

// handshaking is a TLS server's listener.
func handshaking(t *testing.T) func(net.Listener) net.Listener {
	t.Helper()
	borrowed := httptest.NewUnstartedServer(nil)
	borrowed.StartTLS()
	certificates := borrowed.TLS.Certificates
	borrowed.Close()
	return func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
	}
}

func TestHandshakesThatNeverEndCount(t *testing.T) {
	t.Parallel()
	d := newDoored(t, handshaking(t), nil)
	silent, slow := d.from(t, "127.0.0.1"), d.from(t, "127.0.0.1")
	_, err := slow.Write([]byte{22, 3, 1, 2, 0, 1}) // the beginning of a ClientHello
	require.NoError(t, err)
	d.counts(t, 2)
	d.from(t, "127.0.0.1").closed()
	d.clock.Add(1)
	raw := d.from(t, "127.0.0.1")
	secured := tls.Client(raw.Conn, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, secured.HandshakeContext(t.Context()))
	silent.closed()
	v := &visitor{t, secured, bufio.NewReader(secured)}
	require.Equal(t, http.StatusOK, v.asks("/closed", d.token))
	d.counts(t, 1)
}

// A TLS handshake, and a header, are waited for no longer than for the first header's time.
func TestTheFirstHeaderIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, readHeaderTimeout, socketIdle)
	for name, wrap := range map[string]func(net.Listener) net.Listener{"plain": nil, "TLS": handshaking(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newHTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
			require.Equal(t, readHeaderTimeout, server.ReadHeaderTimeout)
			server.ReadHeaderTimeout = 10 * time.Millisecond
			var listen net.ListenConfig
			socket, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			address := socket.Addr().String()
			if wrap != nil {
				socket = wrap(socket)
			}
			go func() { _ = server.Serve(socket) }()
			t.Cleanup(func() { _ = server.Close() })
			d := &doored{address: address}
			for _, begun := range []string{"", "GET / HTTP/1.1\r\n"} {
				v := d.from(t, "127.0.0.1")
				_, err := io.WriteString(v, begun)
				require.NoError(t, err)
				v.closed()
			}
		})
	}
}

// exhausted is a listener that has no open file left for a while.
type exhausted struct {
	net.Listener
	err  error
	left atomic.Int64
}

func (e *exhausted) Accept() (net.Conn, error) {
	if e.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", e.err)}
	}
	return e.Listener.Accept()
}

func TestAcceptErrorsAreToldAndSurvived(t *testing.T) {
	t.Parallel()
	for _, trouble := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPERM} {
		t.Run(trouble.Error(), func(t *testing.T) {
			t.Parallel()
			const errs = 6
			d := newDoored(t, func(l net.Listener) net.Listener {
				e := &exhausted{Listener: l, err: trouble}
				e.left.Store(errs)
				return e
			}, nil)
			require.Equal(t, http.StatusOK, d.from(t, "127.0.0.1").asks("/open", ""))
			d.mu.Lock()
			require.Equal(t, errs, d.failures)
			d.mu.Unlock()
			lines := d.lines()
			require.Len(t, lines, 1)
			require.Contains(t, lines[0], "level=WARN")
			require.Contains(t, lines[0], trouble.Error())
		})
	}
}

func TestComplaintsAreCounted(t *testing.T) {
	t.Parallel()
	var c complaint
	at := time.Unix(1000, 0)
	n, due := c.due(at)
	require.True(t, due)
	require.Equal(t, 1, n)
	for range 10 {
		_, due = c.due(at.Add(complaintInterval - 1))
		require.False(t, due)
	}
	n, due = c.due(at.Add(complaintInterval))
	require.True(t, due)
	require.Equal(t, 11, n)
}

func TestAListenerThatIsClosedSaysSo(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	socket, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &exhausted{Listener: socket, err: syscall.EMFILE}
	e.left.Store(1 << 40)
	failed := make(chan struct{}, 1)
	l := newDoorListener(e, newDoor(doorConfig{
		now: time.Now, logger: slog.New(slog.DiscardHandler),
		acceptFailed: func() {
			select {
			case failed <- struct{}{}:
			default:
			}
		},
	}))
	ended := make(chan error, 1)
	go func() { _, err := l.Accept(); ended <- err }()
	<-failed
	e.left.Store(0)
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-ended, net.ErrClosed)
}

func TestTooFewOpenFilesAreTold(t *testing.T) {
	t.Parallel()
	limits := config.Limits{MaxConnections: 20_000, MaxUnauthenticated: 2000}
	require.Empty(t, tooFewOpenFiles(limits, 22_200))
	text := tooFewOpenFiles(limits, 4096)
	for _, part := range []string{"22000 sockets", "22200 open files", "may have 4096", "LimitNOFILE=22200", "HERALD_MAX_CONNECTIONS to 1896"} {
		require.Contains(t, text, part)
	}
	require.NotContains(t, tooFewOpenFiles(limits, 100), "HERALD_MAX_CONNECTIONS to")
	require.Empty(t, tooFewOpenFiles(config.Limits{}, 1024), "no limits, nothing to compare")

	d := &doored{}
	limit, known := openFiles()
	if !known {
		t.Skip("there is no limit of open files")
	}
	checkOpenFiles(context.Background(), slog.New(slog.NewTextHandler(d, nil)), config.Limits{MaxConnections: int(min(limit, 1<<40))})
	require.Len(t, d.lines(), 1)
	require.Contains(t, d.lines()[0], "level=WARN")
}
