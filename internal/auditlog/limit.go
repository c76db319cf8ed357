package auditlog

import (
	"hash/maphash"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// limit lets so many lines through and counts the others.
type limit struct {
	limiter *rate.Limiter
	leftOut atomic.Int64
}

func newLimit(perSecond rate.Limit, atOnce int) *limit {
	return &limit{limiter: rate.NewLimiter(perSecond, atOnce)}
}

// take reports whether a line may be written, and how many before it could not.
func (l *limit) take() (leftOut int64, ok bool) {
	if !l.limiter.Allow() {
		l.leftOut.Add(1)
		return 0, false
	}
	return l.leftOut.Swap(0), true
}

// limits has a limit for each subject, or for a few that have the same hash: what it holds does not grow with who comes.
type limits struct {
	seed  maphash.Seed // nobody can choose a name that shares another's limit
	slots []*limit
}

const limitSlots = 1024 // about 100 KiB

func newLimits(perSecond rate.Limit, atOnce int) limits {
	l := limits{maphash.MakeSeed(), make([]*limit, limitSlots)}
	for i := range l.slots {
		l.slots[i] = newLimit(perSecond, atOnce)
	}
	return l
}

func (l *limits) of(subject string) *limit {
	return l.slots[maphash.String(l.seed, subject)%uint64(len(l.slots))]
}
