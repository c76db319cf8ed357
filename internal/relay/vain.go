package relay

import "time"

const (
	// Any role of the cluster may notify Herald's channels, and a producer may use up the count of notifying
	// transactions. Neither may take the relay's time or delay others. So after a few wake-ups in a row that led to
	// nothing the relay ignores wake-ups and looks this often by itself. It looks as often while the count is used up
	// and nothing comes. An event waits half of closeLook on average.
	closeLook    = time.Millisecond
	vainPatience = 3
	closeFor     = time.Second // after the count was seen used up
)

// vain counts the wake-ups in a row that led to nothing.
type vain int

// found ends the run.
func (v *vain) found() { *v = 0 }

// nothing notes one more.
func (v *vain) nothing() { *v = min(*v+1, vainPatience) }

// throttled reports whether the next wake-up is ignored.
func (v *vain) throttled() bool { return *v >= vainPatience }

// relax ends the run where no wake-up is pending: the flood is over.
func (v *vain) relax(wake <-chan struct{}) {
	select {
	case <-wake:
	default:
		*v = 0
	}
}
