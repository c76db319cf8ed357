package adminapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/auth"
)

// entry is the audit log's entry for a request; p is nil if the sender is unknown.
func (e *endpoint) entry(p *auth.Principal) auditlog.Entry {
	entry := auditlog.Entry{Action: auditlog.Request, Path: e.path}
	switch {
	case e.method == http.MethodDelete:
		entry.Action = auditlog.DropDeadLetter
	case e.method == http.MethodPost && strings.HasSuffix(e.path, "/retry"):
		entry.Action = auditlog.RetryDeadLetter
	case e.method == http.MethodPost && strings.HasSuffix(e.path, "/mend"):
		entry.Action = auditlog.MendDeadLetter
	case e.path == disconnectPath:
		entry.Action = auditlog.Disconnect
	case strings.HasPrefix(e.path, nodesPath+"/"):
		entry.Action = auditlog.DrainNode
	case e.method == http.MethodPost:
		entry.Action = auditlog.Broadcast
	}
	if p != nil {
		entry.Subject = p.Subject
	}
	return entry
}

// note writes an audit entry for a request that changed something, or that the endpoint itself did not permit. A
// request that only reads, or was malformed, has no effect and no entry.
func (a *API) note(ctx context.Context, entry auditlog.Entry, answer any, err error) {
	if p, ok := errors.AsType[*problem](err); ok && p.Status == http.StatusForbidden {
		a.audit.Refused(ctx, entry, err)
	}
	if err != nil || entry.Action == auditlog.Request {
		return
	}
	switch done := answer.(type) {
	case published:
		entry.EventID = done.EventID
	case decided:
		entry.EventID, entry.Changed = done.EventID, done.Changed
	case disconnection:
		entry.Target, entry.ConnectionID, entry.Group = done.whom.User, done.whom.ConnectionID, done.whom.Group.String()
	case drained:
		entry.Target = done.Node.String()
	}
	a.audit.Done(ctx, entry)
}
