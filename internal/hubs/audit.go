package hubs

import (
	"context"

	"github.com/yummyzoom/herald/internal/audit"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/signalr"
)

// connected is done for every connection to every hub.
func (h *hub) connected(ctx context.Context, c *signalr.Conn) error {
	h.cfg.Audit.Done(ctx, h.entry(audit.Connect, c, event.Group{}))
	return nil
}

// entry is what the audit log is told about a connection.
func (h *hub) entry(action audit.Action, c *signalr.Conn, g event.Group) audit.Entry {
	e := audit.Entry{Action: action, Path: h.row.Path, ConnectionID: c.ID(), Group: g.String()}
	if p := principal(c); p != nil {
		e.Subject = p.Subject
	}
	return e
}
