package signalr

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// replaceTimeout is how long a new user waits for another replacement to finish.
const replaceTimeout = 10 * time.Second

// Replace gives the connection new credentials of the same user, and calls then with them in place: before the next
// Replace, and never on a connection that is ending. Of two calls at once one follows the other, and they never mix.
// A connection that is about to be closed because its credentials have expired is either closed, or lives on with the
// new ones.
//
// It returns [ErrOtherUser], [ErrExpired] where u has expired meanwhile, [ErrClosed] where the connection has ended
// first, and [ErrBusy] where its turn has not come in time or ctx has ended. An error means that nothing has changed.
// A running hub method keeps what User returned to it.
func (c *Conn) Replace(ctx context.Context, u User, then func()) error {
	if err := c.awaitReplacing(ctx); err != nil {
		return err
	}
	defer c.host.replacing.end(c)
	if err := c.exchange(u); err != nil {
		return err
	}
	then()
	return nil
}

// replacing holds the connections whose user is being replaced, each with a channel that is closed when that is done.
// They are few at a time, so a connection at rest needs no field for it.
type replacing struct {
	mu  sync.Mutex
	now map[*Conn]chan struct{}
}

// begin makes the caller the only one that replaces c's user, or returns the channel to wait on first.
func (r *replacing) begin(c *Conn) (other <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.now[c]; other != nil {
		return other
	}
	if r.now == nil {
		r.now = make(map[*Conn]chan struct{})
	}
	r.now[c] = make(chan struct{})
	return nil
}

func (r *replacing) end(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.now[c])
	delete(r.now, c)
}

// awaitReplacing waits for the caller's turn. The caller ends its turn with replacing.end.
func (c *Conn) awaitReplacing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, replaceTimeout)
	defer cancel()
	for {
		other := c.host.replacing.begin(c)
		if other == nil {
			return nil
		}
		select {
		case <-other:
		case <-c.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
		}
	}
}
