package auditlog

import (
	"hash/maphash"

	"golang.org/x/time/rate"

	"github.com/yummyzoom/herald/internal/loglimit"
)

// limits has a limit for each subject, or for the few that share a hash: its memory does not grow with the number
// of subjects.
type limits struct {
	seed  maphash.Seed // random, so that no user can choose a name that shares another's limit
	slots []*loglimit.Limit
}

const limitSlots = 1024 // about 100 KiB

func newLimits(perSecond rate.Limit, atOnce int) limits {
	l := limits{maphash.MakeSeed(), make([]*loglimit.Limit, limitSlots)}
	for i := range l.slots {
		l.slots[i] = loglimit.NewLimit(perSecond, atOnce)
	}
	return l
}

func (l *limits) of(subject string) *loglimit.Limit {
	return l.slots[maphash.String(l.seed, subject)%uint64(len(l.slots))]
}
