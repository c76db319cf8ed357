package app

import (
	"context"
	"errors"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/signalr"
)

// broadcaster forgets the remembered answers about a user before a revocation is acted on.
type broadcaster struct {
	*broadcast.Broadcaster
	checker *policy.Checker
	watch   func(batch []event.Logged) // is shown each batch before the broadcast; may be nil
}

// Broadcast broadcasts the batch.
func (b broadcaster) Broadcast(ctx context.Context, batch []event.Logged) error {
	if b.watch != nil {
		b.watch(batch)
	}
	for _, l := range batch {
		if l.Type.Family() == event.Control {
			r, _ := l.Revocation() // a revocation that cannot be read names no user: it concerns all users
			b.checker.Revoked(r.UserID)
		}
	}
	return b.Broadcaster.Broadcast(ctx, batch)
}

// Reset passes over entries of the log, of which any may be a revocation.
func (b broadcaster) Reset(ctx context.Context, position int64) {
	b.checker.Revoked("")
	b.Broadcaster.Reset(ctx, position)
}

// lookAgain closes the connections that a revocation has taken out of a group but that may still join it: they
// reconnect and resume. Their tokens may open the group. Or grants and revocations alternate faster than a node
// reads them, and a grant is not in the log. Where the database does not answer, the connections are closed too:
// reconnecting decides.
func (a *App) lookAgain(_ string, g event.Group, conns []broadcast.Conn) {
	go func() {
		undecided := false // then the questions of the other connections would only wait, too
		for _, c := range conns {
			p, _ := c.User().(*auth.Principal) // nil is refused
			if !undecided {
				err := a.asker.Authorize(context.Background(), p, g)
				if errors.Is(err, policy.ErrForbidden) {
					continue
				}
				undecided = errors.Is(err, policy.ErrUndecided)
			}
			c.CloseFor(signalr.AccessRevoked, "permissions have changed", true)
		}
	}()
}
