package hubs

import (
	"context"

	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/signalr"
)

// connected runs for every connection to every hub.
func (h *hub) connected(ctx context.Context, c *signalr.Conn) error {
	h.cfg.Audit.Done(ctx, h.entry(auditlog.Connect, c, event.Group{}))
	return nil
}

// entry is the audit log's entry about a connection.
func (h *hub) entry(action auditlog.Action, c *signalr.Conn, g event.Group) auditlog.Entry {
	e := auditlog.Entry{Action: action, Path: h.row.Path, ConnectionID: c.ID(), Group: g.String()}
	if p := principal(c); p != nil {
		e.Subject = p.Subject
	}
	return e
}
