package policy

import (
	"context"
	"sync"
)

// TurnsDefault is how many questions about one user the database is asked at a time.
const TurnsDefault = 2

// turns makes the questions about one user wait for one another, so that a user who asks for much takes only a
// small share of the database, however many connections the user has. It remembers nothing of users without a
// question.
type turns struct {
	most int

	mu    sync.Mutex
	lines map[string]*line
}

// line is one user's.
type line struct {
	turn  chan struct{} // holds one for each question under way; the others wait for it, in order
	users int           // how many use the line; guarded by turns' lock
}

func newTurns(most int) *turns { return &turns{most: most, lines: make(map[string]*line)} }

// enter waits for the user's turn, and returns the function that ends it. It returns [ErrUndecided] where ctx ends
// first.
func (t *turns) enter(ctx context.Context, user string) (leave func(), err error) {
	t.mu.Lock()
	l := t.lines[user]
	if l == nil {
		l = &line{turn: make(chan struct{}, t.most)}
		t.lines[user] = l
	}
	l.users++
	t.mu.Unlock()
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; t.forget(user, l) }, nil
	case <-ctx.Done():
		t.forget(user, l)
		return nil, ErrUndecided
	}
}

func (t *turns) forget(user string, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(t.lines, user)
	}
}
