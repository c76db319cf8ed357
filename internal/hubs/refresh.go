package hubs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/yummyzoom/herald/internal/audit"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/signalr"
)

var errOtherSubject = errors.New("the new token is another subject's")

type refreshed struct {
	ExpiresAt time.Time `json:"expiresAt"`
}

// refreshToken gives the connection a new token of the same user. Groups that the new claims no longer open are left. Where that cannot be
// found out for all of them, the connection is closed to come back and resume: it must not stay in a group without a permission, nor lose
// one without a word.
func (h *hub) refreshToken(ctx context.Context, call *signalr.Call, token string) (any, error) {
	was := principal(call.Conn)
	p, err := h.cfg.Tokens.Verify(ctx, token)
	switch {
	case err != nil:
	case was == nil || p.Subject != was.Subject:
		err = errOtherSubject
	case h.admin && !p.HasRole(h.cfg.AdminRole):
		err = fmt.Errorf("the admin hub requires the role %q", h.cfg.AdminRole)
	}
	if err != nil {
		h.cfg.Audit.Refused(ctx, h.entry(audit.RefreshToken, call.Conn, ""), err)
		return nil, &signalr.HubError{Message: unauthorized}
	}
	call.Conn.SetUser(p)
	h.cfg.Audit.Done(ctx, h.entry(audit.RefreshToken, call.Conn, ""))
	checking, cancel := context.WithTimeout(ctx, h.cfg.RefreshTimeout)
	defer cancel()
	for _, g := range h.cfg.Broadcaster.Groups(call.Conn) {
		switch err := h.cfg.Authorizer.Authorize(checking, p, g); {
		case err == nil:
		case errors.Is(err, policy.ErrForbidden):
			h.cfg.Broadcaster.Unsubscribe(call.Conn, g)
			h.cfg.Logger.InfoContext(ctx, "group left after a token refresh", slog.String("connection_id", call.Conn.ID()),
				slog.String("group", string(g)))
		default:
			h.cfg.Logger.WarnContext(ctx, "connection closed to resume: its new token could not be checked",
				slog.String("connection_id", call.Conn.ID()), slog.String("group", string(g)), slog.Any("reason", err))
			call.Complete(refreshed{p.ExpiresAt().UTC()})
			call.Conn.Close("permissions could not be checked", true)
			return nil, nil //nolint:nilnil // completed above
		}
	}
	return refreshed{p.ExpiresAt().UTC()}, nil
}
