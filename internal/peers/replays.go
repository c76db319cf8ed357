package peers

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// windowSize is how many of a node's requests may overtake one on its way before that one is refused: as many as
	// are signed within the second that a connection may take.
	windowSize = 1 << 16
	// mostSpeakers bounds the memory for nodes that send to this one: 8 KiB each.
	mostSpeakers = 1024
)

// replays remembers which requests have come, so that none is accepted twice. A node numbers its requests, and no
// other process ever uses its id, so a few bits a node are enough; a list of all requests of the last seconds would
// have no such bound.
type replays struct {
	mu       sync.Mutex
	speakers map[uuid.UUID]*window
	now      func() time.Time // this machine's clock: it measures how long a node has been silent
}

// window says which of the last windowSize numbers have come.
type window struct {
	highest uint64
	came    [windowSize / 64]uint64
	last    time.Time
}

func newReplays() replays { return replays{speakers: map[uuid.UUID]*window{}, now: time.Now} }

// take accepts a number of a node's, or says why not. The request is authentic, and not older than validity.
func (r *replays) take(from uuid.UUID, number uint64) Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.speakers[from]
	if w == nil {
		if w = r.welcome(from); w == nil {
			return TooManyPeers
		}
	}
	w.last = r.now()
	if !w.take(number) {
		return Replayed
	}
	return ""
}

// welcome adds a node, and removes those that have been silent for so long that none of their tickets is valid.
func (r *replays) welcome(from uuid.UUID) *window {
	if len(r.speakers) >= mostSpeakers/2 {
		for node, w := range r.speakers {
			if r.now().Sub(w.last) > 4*validity { // either clock may be off by validity, and a ticket is good for as long
				delete(r.speakers, node)
			}
		}
	}
	if len(r.speakers) >= mostSpeakers {
		return nil
	}
	w := &window{}
	r.speakers[from] = w
	return w
}

// take says whether number is new and not too far behind to be known.
func (w *window) take(number uint64) bool {
	if number == 0 || number+windowSize <= w.highest {
		return false
	}
	if number > w.highest {
		if number-w.highest >= windowSize {
			w.came = [windowSize / 64]uint64{}
		} else {
			for n := w.highest + 1; n <= number; n++ {
				w.came[n%windowSize/64] &^= 1 << (n % 64)
			}
		}
		w.highest = number
	}
	word, bit := &w.came[number%windowSize/64], uint64(1)<<(number%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}
