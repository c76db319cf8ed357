package relay

import (
	"sync/atomic"
	"time"
)

// moment is when something last happened, by the monotonic clock: its age stays right while the wall clock is set.
type moment struct {
	first atomic.Pointer[time.Time]
	since atomic.Int64 // nanoseconds since first
}

func (m *moment) now() {
	now := time.Now()
	if m.first.Load() == nil {
		first := now
		m.first.CompareAndSwap(nil, &first)
	}
	m.since.Store(int64(now.Sub(*m.first.Load())))
}

// at is zero where it has not happened yet.
func (m *moment) at() time.Time {
	first := m.first.Load()
	if first == nil {
		return time.Time{}
	}
	return first.Add(time.Duration(m.since.Load()))
}
