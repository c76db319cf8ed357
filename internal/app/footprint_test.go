//go:build !race

// The race detector's own memory for every goroutine must not be measured here.

package app_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// The most memory of the process that a connection at rest may hold, both of its ends together: the client's is a
// bare socket of 0.6 KiB. The herald process adds memory that the allocator cannot give back, and counts 10 KiB.
// The kernel's memory for a socket is in neither.
const (
	budgetBytes       = 8000
	budgetGoroutines  = 1
	budgetDescriptors = 2
	budgetTimers      = 0
)

// holdings is what a process holds.
type holdings struct{ stacks, heap, goroutines, descriptors, timers int64 }

// held collects the garbage as often as a stack takes to shrink: each collection halves it once.
func held(t *testing.T) (h holdings) {
	t.Helper()
	const collections = 8 // from 512 KiB to 2
	for range collections {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("the number of descriptors is known on Linux only")
	}
	return holdings{
		stacks: int64(m.StackInuse), heap: int64(m.HeapAlloc), goroutines: int64(runtime.NumGoroutine()),
		descriptors: int64(len(open)), timers: timers(),
	}
}

// timers counts the live timers made since all allocations are profiled. A socket's deadline is no such timer.
func timers() (count int64) {
	records := make([]runtime.MemProfileRecord, 1<<16)
	n, ok := runtime.MemProfile(records, false)
	if !ok {
		return -1
	}
	for _, r := range records[:n] {
		frames := runtime.CallersFrames(r.Stack())
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if slices.Contains([]string{"time.NewTimer", "time.AfterFunc", "time.NewTicker", "time.newTimer"}, f.Function) {
				count += r.InUseObjects()
				break
			}
		}
	}
	return count
}

// subscriber opens a connection with a token of its own. The function that it returns follows an order.
func subscriber(t *testing.T, address string) (_ net.Conn, subscribe func()) {
	t.Helper()
	order := uuid.NewString()
	token, err := auth.Mint(secret,
		auth.Grant{Subject: "user-" + order, Permissions: []string{"OrderOwner:" + order}, TTL: time.Hour})
	require.NoError(t, err)
	var dialer net.Dialer
	c, err := dialer.DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	buffer := make([]byte, 4<<10) //nolint:mnd // more than any answer here
	talk := func(say []byte, hear string) {
		_, err := c.Write(say)
		require.NoError(t, err)
		for heard := ""; !strings.Contains(heard, hear); {
			n, err := c.Read(buffer)
			require.NoError(t, err)
			heard += string(buffer[:n])
		}
	}
	text := func(s string) []byte { return ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(s + "\x1e")))) }
	talk(fmt.Appendf(nil,
		"GET /hubs/customer-orders?access_token=%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", token, address), "\r\n\r\n")
	talk(text(`{"protocol":"json","version":1}`), "{}\x1e")
	return c, func() {
		talk(text(`{"type":1,"invocationId":"1","target":"SubscribeToOrder","arguments":["`+order+`"]}`),
			`"invocationId":"1"`)
	}
}

// subscribers opens n connections, which end with the test.
func subscribers(t *testing.T, address string, n int) (subscribes []func()) {
	t.Helper()
	for range n {
		c, subscribe := subscriber(t, address)
		t.Cleanup(func() { _ = c.Close() })
		subscribes = append(subscribes, subscribe)
	}
	return subscribes
}

// TestFootprintOfAConnection bounds a node's cost of a connection at rest: with a token, the real hub, one
// subscription.
func TestFootprintOfAConnection(t *testing.T) { //nolint:paralleltest // others' memory would count
	const warm, count = 50, 500
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	defer func() { runtime.MemProfileRate = rate }()
	cfg, stop := startNode(t, pgtest.New(t), func(*app.Settings) {})
	t.Cleanup(func() { stopped(t, stop) })
	address := strings.TrimPrefix(cfg.URL, "http://")
	follow := func(subscribes []func()) {
		for _, subscribe := range subscribes {
			subscribe()
		}
	}
	follow(subscribers(t, address, warm)) // pools, caches and other first-time costs
	before := held(t)
	follow(subscribers(t, address, count))
	after := held(t)

	stacks, heap := (after.stacks-before.stacks)/count, (after.heap-before.heap)/count
	t.Logf("a connection at rest: %d bytes of stacks and %d of heap; of %d: %d goroutines, %d descriptors, %d timers",
		stacks, heap, count,
		after.goroutines-before.goroutines, after.descriptors-before.descriptors, after.timers-before.timers)
	const few = count / 10 // other allocations of a node that come and go
	require.Less(t, stacks+heap, int64(budgetBytes), "bytes")
	require.InDelta(t, budgetGoroutines*count, after.goroutines-before.goroutines, few, "goroutines")
	require.InDelta(t, budgetDescriptors*count, after.descriptors-before.descriptors, few, "descriptors")
	require.GreaterOrEqual(t, before.timers, int64(0), "the profile was read")
	require.Less(t, after.timers-before.timers, int64(budgetTimers*count+few), "timers")
}

// TestFootprintOfACall bounds what a hub method leaves of stack on the connection that has called it. The stack of a
// connection at rest has 4 KiB. A call that needs more doubles it, until the garbage is collected twice, which takes
// minutes on a node at rest. Rows of a catalogue that were copied on the way to the database's answer did that.
func TestFootprintOfACall(t *testing.T) { //nolint:paralleltest // others' stacks would count
	const warm, count, most = 50, 500, 6000
	cfg, stop := startNode(t, pgtest.New(t), func(*app.Settings) {})
	t.Cleanup(func() { stopped(t, stop) })
	address := strings.TrimPrefix(cfg.URL, "http://")
	for _, subscribe := range subscribers(t, address, warm) {
		subscribe()
	}
	before := held(t)
	subscribes := subscribers(t, address, count)
	held(t) // the stacks shrink to what a connection at rest needs
	percent := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(percent)
	for _, subscribe := range subscribes {
		subscribe()
	}
	var called runtime.MemStats
	runtime.ReadMemStats(&called)
	stack := (int64(called.StackInuse) - before.stacks) / count
	t.Logf("a connection that has called a method: %d bytes of stack", stack)
	require.Less(t, stack, int64(most))
}
