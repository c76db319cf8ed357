package peers

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// silentAgain is how often a node that has stopped saying that it is alive is asked: whatever clients ask for.
const silentAgain = time.Second

// silent are the nodes whose heartbeats have stopped. One that is frozen takes connections and answers nothing, so that a poll would wait for it in vain;
// one that is cut off from the database answers, and still holds its connections.
type silent struct {
	mu    sync.Mutex
	asked map[uuid.UUID]*question
}

type question struct {
	over chan struct{} // closed when the rest is set
	at   time.Time
	err  error
}

// awake asks a silent node whether it is there, once a second for all who want to know.
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
		go func() { // whoever asks may leave, others wait for the same answer
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

// keep forgets the nodes that are not registered any more.
func (s *silent) keep(known map[uuid.UUID]Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for node := range s.asked {
		if _, ok := known[node]; !ok {
			delete(s.asked, node)
		}
	}
}
