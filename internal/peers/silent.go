package peers

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// silentAgain is how often a node whose heartbeats have stopped is probed, however many requests name it.
const silentAgain = time.Second

// silent are the nodes whose heartbeats have stopped. A frozen node takes connections and answers nothing, so that
// a poll would wait for it in vain; a node that is cut off from the database answers, and still holds its
// connections.
type silent struct {
	mu    sync.Mutex
	asked map[uuid.UUID]*question
}

type question struct {
	over chan struct{} // closed when the other fields are set
	at   time.Time
	err  error
}

// awake probes a silent node, once a second for all callers.
func (p *Peers) awake(ctx context.Context, peer Peer) error {
	s := &p.silent
	s.mu.Lock()
	q := s.asked[peer.Node]
	if q == nil || q.old() {
		q = &question{over: make(chan struct{})}
		if s.asked == nil {
			s.asked = map[uuid.UUID]*question{}
		}
		s.asked[peer.Node] = q
		go func() { // a caller may leave while others wait for the same answer
			q.err = p.ping(context.WithoutCancel(ctx), peer)
			q.at = time.Now()
			close(q.over)
		}()
	}
	s.mu.Unlock()
	select {
	case <-q.over:
		return q.err
	case <-ctx.Done():
		return context.Cause(ctx) // the client has left
	}
}

func (q *question) old() bool {
	select {
	case <-q.over:
		return time.Since(q.at) > silentAgain
	default:
		return false
	}
}

// keep forgets the nodes that are no longer registered.
func (s *silent) keep(known map[uuid.UUID]Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for node := range s.asked {
		if _, ok := known[node]; !ok {
			delete(s.asked, node)
		}
	}
}
