package hubs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/signalr"
)

type refreshed struct {
	ExpiresAt time.Time `json:"expiresAt"`
}

// refreshToken is the method RefreshToken: it gives the connection a new token of the same user.
func (h *hub) refreshToken(ctx context.Context, call *signalr.Call, token string) (any, error) {
	p, err := h.cfg.Tokens.Verify(ctx, token)
	if err == nil && h.row.Admin && !p.HasRole(h.cfg.AdminRole) {
		err = h.cfg.withoutRole()
	}
	if err != nil {
		h.cfg.Audit.Refused(ctx, h.entry(auditlog.RefreshToken, call.Conn, event.Group{}), err)
		return nil, &signalr.HubError{Message: unauthorized}
	}
	answer := refreshed{p.ExpiresAt().UTC()}
	switch err := h.replace(ctx, call.Conn, p, func() { call.Complete(answer) }); {
	case err == nil:
		return answer, nil
	case errors.Is(err, signalr.ErrClosed):
		return nil, err
	default:
		return nil, &signalr.HubError{Message: unauthorized}
	}
}

// refreshed does the same for a request to the hub's path + "/refresh". [Hubs.Authenticate] has checked the token
// and the role.
func (h *hub) refreshed(ctx context.Context, c *signalr.Conn, u signalr.User) error {
	p, ok := u.(*auth.Principal)
	if !ok {
		return signalr.ErrForbidden
	}
	return h.replace(ctx, c, p, func() {})
}

// replace makes p the principal of c. c leaves the groups that the new claims no longer open. If that cannot be
// checked for all groups, the connection is closed to come back and resume: it must not stay in a group without a
// permission, nor lose one without a word. closing is called before that.
func (h *hub) replace(ctx context.Context, c *signalr.Conn, p *auth.Principal, closing func()) error {
	err := c.Replace(ctx, p, func() {
		h.cfg.Audit.Done(ctx, h.entry(auditlog.RefreshToken, c, event.Group{}))
		if !h.leaveClosed(c, p) { //nolint:contextcheck // the connection's, not the request's
			closing()
			c.Close("permissions could not be checked", true)
		}
	})
	if err != nil && !errors.Is(err, signalr.ErrClosed) {
		h.cfg.Audit.Refused(ctx, h.entry(auditlog.RefreshToken, c, event.Group{}), err)
	}
	return err
}

// leaveClosed removes c from the groups that p does not open, and returns false if one could not be checked. A
// client that hangs up its request does not stop it: it runs for as long as the connection lives.
func (h *hub) leaveClosed(c *signalr.Conn, p *auth.Principal) bool {
	ctx, cancel := context.WithTimeout(c.Context(), h.cfg.RefreshTimeout)
	defer cancel()
	for _, g := range h.cfg.Broadcaster.Groups(c) {
		if !h.stays(ctx, c, p, g) {
			return false
		}
	}
	return true
}

// stays removes c from g if p does not open it, and returns false if that could not be checked.
func (h *hub) stays(ctx context.Context, c *signalr.Conn, p *auth.Principal, g event.Group) bool {
	switch err := h.cfg.Authorizer.Authorize(ctx, p, g); {
	case err == nil:
		return true
	case errors.Is(err, policy.ErrForbidden):
		h.cfg.Broadcaster.Unsubscribe(c, g)
		h.cfg.Logger.InfoContext(
			ctx, "group left after a token refresh", slog.String("connection_id", c.ID()), slog.String("group", g.String()),
		)
		return true
	case c.Context().Err() != nil: // the connection ends and leaves all its groups
		return true
	default:
		h.cfg.Logger.WarnContext(ctx, "connection closed to resume: its new token could not be checked",
			slog.String("connection_id", c.ID()), slog.String("group", g.String()), slog.Any("reason", err))
		return false
	}
}

// withoutRole is the error for a token without the admin role.
func (c *Config) withoutRole() error {
	return fmt.Errorf("%w: the admin hub requires the role %q", signalr.ErrForbidden, c.AdminRole)
}
