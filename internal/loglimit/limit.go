package loglimit

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limit lets a number of lines through and counts the others.
type Limit struct {
	limiter *rate.Limiter
	leftOut atomic.Int64
}

// NewLimit returns a Limit of so many lines a second, and so many at once after a quiet time.
func NewLimit(perSecond rate.Limit, atOnce int) *Limit {
	return &Limit{limiter: rate.NewLimiter(perSecond, atOnce)}
}

// Take reports whether a line may be written now, and how many were left out before it.
func (l *Limit) Take(now time.Time) (leftOut int64, ok bool) {
	if !l.limiter.AllowN(now, 1) {
		l.leftOut.Add(1)
		return 0, false
	}
	return l.leftOut.Swap(0), true
}
