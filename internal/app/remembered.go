package app

import (
	"context"
	"sync"
	"time"
)

// rememberedFor is how long an answer about the node is reused: a probe learns of a change within it, and thousands
// of probes cost no more than one a second.
const rememberedFor = time.Second

// remembered is an answer that all callers share: one question is under way at a time, and its answer is kept for a
// moment. A failure is an answer, too.
type remembered[T any] struct {
	ask func() (T, error) // bounds its own time

	mu     sync.Mutex // guards what follows
	answer T
	err    error
	until  time.Time
	asking chan struct{} // closed when the answer is there; nil: no question is under way
}

// get returns an answer that is not older than [rememberedFor], or the error of ctx.
func (r *remembered[T]) get(ctx context.Context) (answer T, err error) {
	r.mu.Lock()
	if time.Now().Before(r.until) {
		defer r.mu.Unlock()
		return r.answer, r.err
	}
	if r.asking == nil {
		r.asking = make(chan struct{})
		go r.refresh()
	}
	asking := r.asking
	r.mu.Unlock()
	select {
	case <-asking:
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.answer, r.err
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
}

// refresh outlives the caller that started it, because other callers wait for it by then.
func (r *remembered[T]) refresh() {
	answer, err := r.ask()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.err, r.until = answer, err, time.Now().Add(rememberedFor)
	close(r.asking)
	r.asking = nil
}
