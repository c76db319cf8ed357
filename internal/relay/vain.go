package relay

import "time"

const (
	// Any role of the cluster may notify Herald's channels, and a producer may use up the count of those that notify. Neither may take the
	// relay's time or make others wait: after a few wake-ups in a row that led to nothing, and while the count is used up and nothing comes,
	// the relay looks this often by itself and listens to no wake-up. An event waits half of it on average.
	closeLook    = time.Millisecond
	vainPatience = 3
	closeFor     = time.Second // after the count was seen used up
)

// vain counts the wake-ups in a row that led to nothing.
type vain int

// found ends the row.
func (v *vain) found() { *v = 0 }

// nothing notes one more.
func (v *vain) nothing() { *v = min(*v+1, vainPatience) }

// throttled says that the next wake-up is not worth listening to.
func (v *vain) throttled() bool { return *v >= vainPatience }

// relax ends the row where no wake-up is pending: the flood is over.
func (v *vain) relax(wake <-chan struct{}) {
	select {
	case <-wake:
	default:
		*v = 0
	}
}
