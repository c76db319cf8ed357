package hubs

import (
	"context"
	"errors"

	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/signalr"
)

// The refusals, word for word.
const (
	forbidden    = "Forbidden"
	unauthorized = "Unauthorized"
)

func (h *hub) subscribe(ctx context.Context, call *signalr.Call, g event.Group) error {
	return h.join(ctx, call, g, func(a broadcast.Admission) error { return a.Subscribe(call.Conn, event.Plain) })
}

// resume completes call itself, between the replayed events and the live ones.
func (h *hub) resume(
	ctx context.Context, call *signalr.Call, g event.Group, cur eventlog.Cursor, shape event.Shape,
) error {
	return h.join(ctx, call, g, func(a broadcast.Admission) error {
		return a.Resume(ctx, call.Conn, cur, shape, func(r broadcast.Result) { call.Complete(r) })
	})
}

// joinAttempts is how often a permission is checked if access was revoked during each check.
const joinAttempts = 5

// join enters g with a permission that is no older than any revocation, and writes a line to the audit log.
func (h *hub) join(
	ctx context.Context, call *signalr.Call, g event.Group, enter func(broadcast.Admission) error,
) error {
	err := h.tryToJoin(ctx, call, g, enter)
	entry := h.entry(auditlog.Subscribe, call.Conn, g)
	if err == nil {
		h.cfg.Audit.Done(ctx, entry)
	} else if _, ok := errors.AsType[*signalr.HubError](err); ok { // else the connection has ended meanwhile
		h.cfg.Audit.Refused(ctx, entry, err)
	}
	return err
}

func (h *hub) tryToJoin(
	ctx context.Context, call *signalr.Call, g event.Group, enter func(broadcast.Admission) error,
) error {
	p := principal(call.Conn)
	for range joinAttempts {
		admission := h.cfg.Broadcaster.Admit(g)
		if err := h.authorize(ctx, p, g); err != nil {
			return err
		}
		switch err := enter(admission); {
		case errors.Is(err, broadcast.ErrStale):
		// a refresh of the token did it: all that this client sends waits for this call
		case errors.Is(err, broadcast.ErrUnsubscribed):
			return &signalr.HubError{Message: forbidden}
		default:
			h.catchUpWithRefresh(call.Conn, p, g) //nolint:contextcheck // the connection's context, not the call's
			return err
		}
	}
	return &signalr.HubError{Message: forbidden}
}

// catchUpWithRefresh checks g against the connection's present claims. A refresh of the token may have run after
// this call read the claims p and before c was in g, and so missed g. The call keeps the claims that it began with,
// and leaves the group right behind it. Either the refresh saw c in g, or this check sees the new claims.
func (h *hub) catchUpWithRefresh(c *signalr.Conn, p *auth.Principal, g event.Group) {
	now := principal(c)
	if now == p {
		return
	}
	ctx, cancel := context.WithTimeout(c.Context(), h.cfg.RefreshTimeout)
	defer cancel()
	if !h.stays(ctx, c, now, g) {
		c.Close("permissions could not be checked", true)
	}
}

// authorize returns a refusal unless p may join g. A check that fails with another error is refused like a no.
func (h *hub) authorize(ctx context.Context, p *auth.Principal, g event.Group) error {
	err := h.cfg.Authorizer.Authorize(ctx, p, g)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, policy.ErrUnauthorized):
		return &signalr.HubError{Message: unauthorized}
	default:
		return &signalr.HubError{Message: forbidden}
	}
}

// principal returns c's principal: [Hubs.Authenticate] accepts no connection without one.
func principal(c *signalr.Conn) *auth.Principal {
	p, _ := c.User().(*auth.Principal) // nil is refused by every check
	return p
}
