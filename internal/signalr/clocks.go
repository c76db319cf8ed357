package signalr

import "sync/atomic"

// clocks hold when a connection was last read from and written to, for the sweeper. They count nanoseconds since the
// server was made.
type clocks struct {
	opened       int64
	lastRead     atomic.Int64
	lastWrite    atomic.Int64
	writingSince atomic.Int64 // 0: no write is under way
	dispatching  atomic.Bool  // the reader is busy with a message, so nothing can be read
}

// refresh restarts the clocks for a new transport.
func (k *clocks) refresh(now int64) {
	k.lastRead.Store(now)
	k.lastWrite.Store(now)
}

func (k *clocks) read(now int64)  { k.lastRead.Store(now) }
func (k *clocks) wrote(now int64) { k.lastWrite.Store(now) }

func (k *clocks) beginWrite(now int64) { k.writingSince.Store(now) }

func (k *clocks) endWrite(now int64) {
	k.writingSince.Store(0)
	k.lastWrite.Store(now)
}

// stuck says whether one write has taken longer than limit.
func (k *clocks) stuck(now, limit int64) bool {
	since := k.writingSince.Load()
	return since > 0 && now-since > limit
}

// silent says whether nothing was read for longer than limit, while the reader was free to read.
func (k *clocks) silent(now, limit int64) bool {
	return !k.dispatching.Load() && now-k.lastRead.Load() > limit
}

// idle says whether nothing was written for interval.
func (k *clocks) idle(now, interval int64) bool {
	return k.writingSince.Load() == 0 && now-k.lastWrite.Load() >= interval
}
