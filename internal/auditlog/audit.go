// Package auditlog logs who did what: who connected, joined a group, was refused, published by the API, decided
// about a dead letter, disconnected others or drained a node. Only this package builds such lines. (Package
// selfcheck does something else: it checks that the tables agree.)
//
// A line is at info level and has the attribute log=audit. Its other attributes are in [Entry]: no payload, no
// token, no claim but the subject, which is the only name that an operator has for a person.
//
// Lines about completed actions can be switched off, because a server to which thousands connect at once has as
// many of them; each subject has at most [DonePerSecond]. Lines about refusals cannot be switched off, because they
// answer "why can I not get in?". But any client can cause them, so there are at most [RefusalsPerSecond] of all
// together. Beyond a limit lines are only counted, and the next line says how many were left out.
package auditlog

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/loglimit"
)

const (
	// RefusalsPerSecond is how many refusals are logged in the long run.
	RefusalsPerSecond = 5
	// RefusalsAtOnce is how many refusals are logged when they come all at once.
	RefusalsAtOnce = 50
	// DonePerSecond is how many lines about one subject's actions are logged in the long run.
	DonePerSecond = 50
	// DoneAtOnce is how many of them are logged when they come all at once: a kitchen screen that joins a thousand
	// groups gets a line for each.
	DoneAtOnce = 2000

	// nameMaximum bounds what a token or a client can write into a line.
	nameMaximum = 128
)

// Action is what a client or producer did or tried to do.
type Action string

// The actions.
const (
	Connect         Action = "connect"           // to a hub
	Subscribe       Action = "subscribe"         // to a group, by a Subscribe or a Resume method
	RefreshToken    Action = "refresh_token"     // of a connection
	Request         Action = "request"           // of the API, where no other action fits
	Broadcast       Action = "broadcast"         // an event, by the API
	RetryDeadLetter Action = "retry_dead_letter" // by the API
	DropDeadLetter  Action = "drop_dead_letter"  // by the API
	MendDeadLetter  Action = "mend_dead_letter"  // by the API
	NameCustomer    Action = "name_customer"     // of an order, by an event
	Disconnect      Action = "disconnect"        // of others' connections, by the API
	DrainNode       Action = "drain_node"        // by the API
)

// Entry says who did what, where. Empty fields are left out of the line.
type Entry struct {
	Action Action
	// Path is the hub's or the endpoint's, in the server's own spelling, not the client's.
	Path string
	// Subject is the user's id, where it is known.
	Subject string
	// ConnectionID is the hub connection's.
	ConnectionID string
	// Group is the group of the action.
	Group string
	// Target is the user who was disconnected, or the node that was drained.
	Target string
	// EventID is the event of the action.
	EventID uuid.UUID
	// Changed names the columns of the outbox that changed.
	Changed []string
}

// Config says where the lines go and which are written.
type Config struct {
	// Logger receives them. Defaults to slog.Default().
	Logger *slog.Logger
	// RefusalsOnly leaves out completed actions. Defaults to false.
	RefusalsOnly bool
}

// Log is the audit log. It is safe for concurrent use.
type Log struct {
	logger       *slog.Logger
	refusalsOnly bool
	refusals     *loglimit.Limit
	done         limits
}

// New returns a Log.
func New(cfg Config) *Log {
	return &Log{
		logger:       cmp.Or(cfg.Logger, slog.Default()).With(slog.String("log", "audit")),
		refusalsOnly: cfg.RefusalsOnly,
		refusals:     loglimit.NewLimit(RefusalsPerSecond, RefusalsAtOnce),
		done:         newLimits(DonePerSecond, DoneAtOnce),
	}
}

// Done logs a completed action.
func (l *Log) Done(ctx context.Context, e Entry) {
	if l.refusalsOnly || !l.logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	leftOut, ok := l.done.of(e.Subject).Take(time.Now())
	if !ok {
		return
	}
	l.logger.LogAttrs(ctx, slog.LevelInfo, "done",
		withLeftOut(append(e.attrs(), slog.String("outcome", "ok")), leftOut)...)
}

// Refused logs a refused action. The reason is that of an [*auth.TokenError]; any other err means that the token
// was valid and does not permit the action. The text of err is logged: it must hold neither payload nor token.
func (l *Log) Refused(ctx context.Context, e Entry, err error) {
	if !l.logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	leftOut, ok := l.refusals.Take(time.Now())
	if !ok {
		return
	}
	reason := auth.NotPermitted
	if refusal, ok := errors.AsType[*auth.TokenError](err); ok {
		reason = refusal.Reason
	}
	attrs := append(e.attrs(), slog.String("outcome", "refused"),
		slog.String("reason", string(reason)), slog.Any("error", err))
	l.logger.LogAttrs(ctx, slog.LevelInfo, "a request was refused", withLeftOut(attrs, leftOut)...)
}

func withLeftOut(attrs []slog.Attr, n int64) []slog.Attr {
	if n > 0 {
		attrs = append(attrs, slog.Int64("left_out", n))
	}
	return attrs
}

func (e *Entry) attrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 11) //nolint:mnd // as many as there can be
	attrs = append(attrs, slog.String("action", string(e.Action)), slog.String("path", e.Path))
	for _, a := range []slog.Attr{
		slog.String("subject", short(e.Subject)), slog.String("target", short(e.Target)),
		slog.String("connection_id", short(e.ConnectionID)), slog.String("group", short(e.Group)),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if e.EventID != uuid.Nil {
		attrs = append(attrs, slog.String("event_id", e.EventID.String()))
	}
	if len(e.Changed) > 0 {
		attrs = append(attrs, slog.String("changed", strings.Join(e.Changed, ",")))
	}
	return attrs
}

func short(name string) string {
	if len(name) > nameMaximum {
		return name[:nameMaximum] + "…"
	}
	return name
}
