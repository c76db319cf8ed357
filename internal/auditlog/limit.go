package auditlog

import (
	"hash/maphash"

	"golang.org/x/time/rate"

	"github.com/yummyzoom/herald/internal/loglimit"
)

// limits has a limit for each subject, or for a few that have the same hash: what it holds does not grow with who comes.
type limits struct {
	seed  maphash.Seed // nobody can choose a name that shares another's limit
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
