package door

import (
	"math"
	"time"
)

// Rate is an allowance that grows back by so many a second, up to a burst. Of each spender, one number is kept: the
// time at which everything that was spent will have grown back (the generic cell rate algorithm). A rate is shared
// and never changes. The zero rate is unlimited.
type Rate struct {
	interval int64 // nanoseconds in which one grows back
	whole    int64 // nanoseconds in which a whole burst does
}

// NewRate returns a rate for settings that are checked: both positive, or perSecond 0, which is no limit.
func NewRate(perSecond, burst int) Rate {
	if perSecond <= 0 {
		return Rate{}
	}
	interval := max(1, int64(time.Second)/int64(perSecond))
	return Rate{interval: interval, whole: interval * int64(min(burst, math.MaxInt32))}
}

// Take spends one at the time now, in nanoseconds of a clock that begins with 0, for a spender who has everything
// back at full. It returns 0, or how long until there is one to spend.
func (r Rate) Take(full *int64, now int64) time.Duration {
	if r.interval == 0 {
		return 0
	}
	then := max(*full, now) + r.interval
	if early := then - now - r.whole; early > 0 {
		return time.Duration(early)
	}
	*full = then
	return 0
}

// reserve is Take for a spender that waits for its turn instead of being refused: it always spends, and returns how
// long to wait. Each connection reserves one at a time, which bounds the wait.
func (r Rate) reserve(full *int64, now int64) time.Duration {
	if r.interval == 0 {
		return 0
	}
	*full = max(*full, now) + r.interval
	return time.Duration(max(0, *full-now-r.whole))
}
