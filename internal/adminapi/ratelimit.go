package adminapi

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiterGenerationSize bounds the limiter's memory: at most twice as many users-at-endpoints are remembered.
const limiterGenerationSize = 4096

// limiter gives each user an allowance at each endpoint. It remembers the allowances of the present and the previous
// generation. A generation ends when it is full. A user without a request during a whole generation starts again
// with a full allowance.
type limiter struct {
	limit rate.Limit
	burst int

	mu       sync.Mutex // guards the fields below
	current  map[limitKey]*rate.Limiter
	previous map[limitKey]*rate.Limiter
}

type limitKey struct{ user, endpoint string }

func newLimiter(perSecond float64, burst int) *limiter {
	l := &limiter{limit: rate.Limit(perSecond), burst: burst, current: map[limitKey]*rate.Limiter{}}
	if perSecond == NoLimit {
		l.limit = rate.Inf
	}
	return l
}

// wait takes one request from the allowance and returns 0, or returns how long until a request is allowed.
func (l *limiter) wait(now time.Time, user, endpoint string) time.Duration {
	reservation := l.allowance(limitKey{user, endpoint}).ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > 0 {
		reservation.CancelAt(now)
	}
	return delay
}

func (l *limiter) allowance(key limitKey) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a, ok := l.current[key]; ok {
		return a
	}
	a, ok := l.previous[key]
	if !ok {
		a = rate.NewLimiter(l.limit, l.burst)
	}
	if len(l.current) >= limiterGenerationSize {
		l.previous, l.current = l.current, map[limitKey]*rate.Limiter{}
	}
	l.current[key] = a
	return a
}
