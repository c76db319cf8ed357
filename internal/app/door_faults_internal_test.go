package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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

// A TLS handshake, and a header, may take no longer than the time for the first header.
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
	for _, trouble := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPERM,
	} {
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
	limits := Settings{MaxUnauthenticated: 2000}
	limits.MaxConnections = 20_000
	require.Empty(t, tooFewOpenFiles(limits, 22_200))
	text := tooFewOpenFiles(limits, 4096)
	for _, part := range []string{
		"22000 sockets", "22200 open files", "may have 4096", "LimitNOFILE=22200", "HERALD_MAX_CONNECTIONS to 1896",
	} {
		require.Contains(t, text, part)
	}
	require.NotContains(t, tooFewOpenFiles(limits, 100), "HERALD_MAX_CONNECTIONS to")
	forwarding := limits
	forwarding.MaxForwarded = 100
	require.Contains(t, tooFewOpenFiles(forwarding, 22_200), "22200 sockets", "a request for another node takes two")
	require.Empty(t, tooFewOpenFiles(Settings{}, 1024), "no limits, nothing to compare")

	d := &doored{}
	limit, known := openFiles()
	if !known {
		t.Skip("there is no limit of open files")
	}
	checkOpenFiles(context.Background(), slog.New(slog.NewTextHandler(d, nil)),
		Settings{SignalRSettings: SignalRSettings{MaxConnections: int(min(limit, 1<<40))}})
	require.Len(t, d.lines(), 1)
	require.Contains(t, d.lines()[0], "level=WARN")
}
