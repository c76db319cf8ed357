package signalr_test

import (
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// witness invokes a method over and over until the test calls the returned function, which checks the answers.
func (f *fixture) witness(t *testing.T) (testify func()) {
	t.Helper()
	c, _ := f.connect(t)
	stop, done := make(chan struct{}), make(chan struct{})
	answered, longest, said := 0, time.Duration(0), nothingResult
	go func() {
		defer close(done)
		pause := time.NewTicker(2 * time.Millisecond)
		defer pause.Stop()
		for {
			asked := time.Now()
			c.send(strings.TrimSuffix(nothing, "\x1e"))
			for said = c.receive(); said == ping; said = c.receive() { //nolint:revive // a keep-alive in between
			}
			if said != nothingResult {
				return
			}
			answered, longest = answered+1, max(longest, time.Since(asked))
			select {
			case <-stop:
				return
			case <-pause.C:
			}
		}
	}()
	return func() {
		t.Helper()
		close(stop)
		<-done
		require.Contains(t, said, nothingResult)
		require.Less(t, longest, prompt, "of %d answers", answered)
		require.NoError(t, c.conn.Close())
	}
}

// requireGrowth checks how much more memory is in use than before.
func requireGrowth(t *testing.T, before, bound int64) {
	t.Helper()
	grown := inUse() - before
	t.Logf("grown by %d KiB, of %d", grown>>10, bound>>10)
	require.Less(t, grown, bound)
}

// everybody calls f count times at once and waits for all.
func everybody(count int, f func()) {
	var all sync.WaitGroup
	for range count {
		all.Go(f)
	}
	all.Wait()
}

func (f *fixture) requireClosed(t *testing.T, count int, reason signalr.CloseReason) {
	t.Helper()
	closed := func() (n int) {
		for _, r := range f.observer.reasons() {
			if r == reason {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return closed() >= count }, patience, patience/1000, "closed for %q", reason)
	require.Equal(t, count, closed())
}

// peakWhile returns the most memory in use while f runs. It counts what a collection has found alive: how much was
// allocated since depends on how long the processor was elsewhere.
func (*fixture) peakWhile(f func()) (peak int64) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		again := time.NewTicker(50 * time.Millisecond)
		defer again.Stop()
		for {
			runtime.GC()
			used := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
			metrics.Read(used)
			peak = max(peak, int64(used[0].Value.Uint64()+used[1].Value.Uint64()))
			select {
			case <-stop:
				return
			case <-again.C:
			}
		}
	}()
	f()
	close(stop)
	<-done
	return peak
}

// expectFarewell expects the farewell, and that the server does not wait for an answer for ever.
func (c *client) expectFarewell() {
	c.t.Helper()
	f, err := c.next()
	require.NoError(c.t, err)
	require.Equal(c.t, ws.OpClose, f.Header.OpCode)
	c.expectEOF()
}

// inUse returns the bytes of heap and stacks in use, once they stay the same.
func inUse() int64 {
	var m runtime.MemStats
	last := int64(-1)
	for range 20 {
		runtime.GC()
		runtime.ReadMemStats(&m)
		now := int64(m.HeapAlloc + m.StackInuse)
		if last-now < 4096 && now-last < 4096 {
			break
		}
		last = now
		<-time.After(10 * time.Millisecond) // goroutines that are ending
	}
	return last
}
