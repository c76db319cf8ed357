package broadcast

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/yummyzoom/herald/internal/event"
)

const (
	// flushBytes is how much any member may be queued before everything queued is written: little beside what its queue
	// holds.
	flushBytes = 64 << 10
	// flushMessages bounds how long the first client of a batch waits for the last message of it to be queued.
	flushMessages = 1 << 16
	// flushShare is how many connections are worth a goroutine of their own, flushRun how many of them it takes at a time.
	flushShare = 64
	flushRun   = 16
)

// unflushed are the connections that were queued something and have not been written to. It belongs to the caller of Broadcast.
//
// Writing is what a fan-out consists of, so it is not left to a goroutine for each connection and message: starting those costs a
// tenth of what they do, and for a single member waking another thread costs more than the write. The entries of a batch are
// queued first, so that a connection that receives several of them is written to once.
type unflushed struct {
	conns    []Conn
	limit    int // of bytes
	bytes    int // queued for any one connection since the last flush, at most
	messages int // queued since then for all
}

func (u *unflushed) add(c Conn) { u.conns = append(u.conns, c) }

// roomFor reports whether l is unlikely to be too much beside what has been queued.
func (u *unflushed) roomFor(l event.Logged) bool {
	return u.bytes+expectedSize(l) <= u.limit && u.messages < flushMessages
}

// count notes what l has become, which may be more than was expected.
func (u *unflushed) count(l event.Logged, out *outcome) {
	u.bytes += max(expectedSize(l), out.largest)
	u.messages += out.messages
}

// expectedSize is what the messages of l are unlikely to exceed.
func expectedSize(l event.Logged) int { return entryOverhead + len(l.Payload) }

// flush lets every connection write what its client takes without waiting.
func (u *unflushed) flush() {
	u.bytes, u.messages = 0, 0
	if helpers := min(len(u.conns)/flushShare, runtime.GOMAXPROCS(0)-1); helpers > 0 {
		u.share(helpers)
	} else {
		for _, c := range u.conns {
			c.Flush()
		}
	}
	clear(u.conns)
	u.conns = u.conns[:0]
}

// share divides the connections between the caller and so many others.
func (u *unflushed) share(helpers int) {
	var next atomic.Int64
	work := func() {
		for {
			end := int(next.Add(flushRun))
			start := end - flushRun
			if start >= len(u.conns) {
				return
			}
			for _, c := range u.conns[start:min(end, len(u.conns))] {
				c.Flush()
			}
		}
	}
	var others sync.WaitGroup
	for range helpers {
		others.Go(work)
	}
	work()
	others.Wait()
}
