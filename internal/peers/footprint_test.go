//go:build !race

// The race detector's own memory for every goroutine must not be measured here.

package peers_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// usage is what this process uses.
type usage struct{ bytes, goroutines, descriptors int64 }

func used(t *testing.T) usage {
	t.Helper()
	var m runtime.MemStats
	for range 3 { // the second collection empties pools
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	u := usage{bytes: int64(m.HeapAlloc + m.StackInuse), goroutines: int64(runtime.NumGoroutine())}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.descriptors = int64(len(open))
	}
	return u
}

// TestWhatAForwardedConnectionCosts bounds the cost of a forwarded connection on both nodes. Both are in this
// process, with the clients' sockets: the cost of the same connections straight to their node is measured too, and
// the difference is the forwarding node's.
//
// Acceptance: A-481.
func TestWhatAForwardedConnectionCosts(t *testing.T) { //nolint:paralleltest // others' memory would count
	const count = 200
	for _, kind := range []struct { //nolint:paralleltest // likewise
		name, headers string
		most          usage // on the node that forwards
	}{
		{"event stream", "Accept: text/event-stream\r\n", usage{64 << 10, 5, 2}},
		{"poll", "", usage{64 << 10, 5, 2}},
		{"WebSocket", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n", usage{32 << 10, 3, 2}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			a, b := start(t, "db"), start(t, "db")
			acquainted(a, b)
			begun := make(chan struct{}, count)
			b.hub = func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Upgrade") != "" {
					rest := make(chan struct{})
					begun <- struct{}{}
					echo(rest)(w, r)
					return
				}
				if r.Header.Get("Accept") != "" {
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, ":\n")
					_ = http.NewResponseController(w).Flush()
				}
				begun <- struct{}{}
				<-r.Context().Done()
			}
			measure := func(path string, to *node) usage {
				var clients []net.Conn
				open := func() {
					conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to.server.Listener.Addr().String())
					require.NoError(t, err)
					_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, kind.headers)
					require.NoError(t, err)
					if kind.headers != "" {
						_, err = bufio.NewReaderSize(conn, 16).ReadString('\n')
						require.NoError(t, err)
					}
					clients = append(clients, conn)
					<-begun
				}
				for range 10 {
					open()
				}
				before := used(t)
				for range count {
					open()
				}
				after := used(t)
				for _, conn := range clients {
					_ = conn.Close()
				}
				require.Eventually(t, func() bool { return runtime.NumGoroutine() <= int(before.goroutines) }, patience, glance)
				return usage{
					(after.bytes - before.bytes) / count, (after.goroutines - before.goroutines + count/2) / count,
					(after.descriptors - before.descriptors + count/2) / count,
				}
			}
			straight := measure("/hubs/x", b)
			both := measure("/to/"+b.id.String()+"/hubs/x", a)
			more := usage{
				both.bytes - straight.bytes, both.goroutines - straight.goroutines,
				both.descriptors - straight.descriptors,
			}
			t.Logf("straight, with the client's socket: %+v; on the node that forwards: %+v", straight, more)
			require.LessOrEqual(t, more.bytes, kind.most.bytes)
			require.LessOrEqual(t, more.goroutines, kind.most.goroutines)
			require.LessOrEqual(t, more.descriptors, kind.most.descriptors)
			require.Eventually(t, func() bool { return a.Forwarding() == 0 }, patience, 10*time.Millisecond)
		})
	}
}
