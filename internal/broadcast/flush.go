package broadcast

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/yummyzoom/herald/internal/event"
)

const (
	// flushBytes is how many bytes may be queued for any one member before all queues are written: little beside a
	// queue's limit.
	flushBytes = 64 << 10
	// flushMessages bounds how long the first client of a batch waits for the last message of it to be queued.
	flushMessages = 1 << 16
	// flushShare is how many connections justify one more goroutine. flushRun is how many of them a goroutine takes at
	// a time.
	flushShare = 64
	flushRun   = 16
)

// unflushed are the connections with queued messages that have not been written. It belongs to the caller of
// Broadcast.
//
// A fan-out is mostly writing. Even so, a goroutine for each connection and message does not pay: starting it costs
// a tenth of its work, and for a single member waking another thread costs more than the write. The entries of a
// batch are queued first, so that a connection that receives several of them is written to once.
type unflushed struct {
	conns    []Conn
	limit    int // of bytes
	bytes    int // the most that any one connection was queued since the last flush
	messages int // queued since the last flush, over all connections
}

func (u *unflushed) add(c Conn) { u.conns = append(u.conns, c) }

// roomFor reports whether l probably fits, beside the messages already queued.
func (u *unflushed) roomFor(l event.Logged) bool {
	return u.bytes+expectedSize(l) <= u.limit && u.messages < flushMessages
}

// count adds the messages of l, which may be larger than expected.
func (u *unflushed) count(l event.Logged, out *outcome) {
	u.bytes += max(expectedSize(l), out.largest)
	u.messages += out.messages
}

// expectedSize estimates the size of l's messages, on the high side.
func expectedSize(l event.Logged) int { return entryOverhead + len(l.Payload) }

// flush lets every connection write as much as its client takes without waiting.
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

// share divides the connections between the caller and this many helpers.
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
