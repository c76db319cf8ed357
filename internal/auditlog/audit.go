// Package auditlog writes down who did what: who connected, joined a group, was refused, published by the API, decided
// about a dead letter, disconnected others or drained a node. This is the one place that builds such lines. (Whether the
// tables agree is another matter: package selfcheck.)
//
// A line is at info level and has the attribute log=audit. What it may hold beside that is in [Entry]: no payload, no token,
// no claim but the subject, which is the one name that an operator has for a person.
//
// Lines about what was done can be switched off, for a server to which thousands come at once has as many of them; nobody has
// more than [DonePerSecond] of his own. Lines about refusals cannot be switched off, for they answer "why can I not get in?"; but
// anybody can cause them, so there are at most [RefusalsPerSecond] of all together. Beyond a limit lines are only counted, and the
// next one says how many were left out.
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
	// DonePerSecond is how many lines about what one subject did are logged in the long run.
	DonePerSecond = 50
	// DoneAtOnce is how many of them are logged when they come all at once: a kitchen screen that joins a thousand groups has them all.
	DoneAtOnce = 2000

	// nameMaximum bounds what a token or a client can write into a line.
	nameMaximum = 128
)

// Action is what somebody did or tried to do.
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

// Entry is who did what, where. What is empty is left out of the line.
type Entry struct {
	Action Action
	// Path is the hub's or the endpoint's: one of the server's own, not what the client has made of it.
	Path string
	// Subject is the user's id, where it is known.
	Subject string
	// ConnectionID is the hub connection's.
	ConnectionID string
	// Group is the group that it is about.
	Group string
	// Target is the user who was disconnected, or the node that was drained.
	Target string
	// EventID is the event that it is about.
	EventID uuid.UUID
	// Changed are the columns of the outbox that are others now, by their names.
	Changed []string
}

// Config is where the lines go.
type Config struct {
	// Logger receives them. Defaults to slog.Default().
	Logger *slog.Logger
	// RefusalsOnly leaves out what was done. Defaults to false.
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

// Done logs what was done.
func (l *Log) Done(ctx context.Context, e Entry) {
	if l.refusalsOnly || !l.logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	leftOut, ok := l.done.of(e.Subject).Take(time.Now())
	if !ok {
		return
	}
	l.logger.LogAttrs(ctx, slog.LevelInfo, "done", withLeftOut(append(e.attrs(), slog.String("outcome", "ok")), leftOut)...)
}

// Refused logs what somebody was not let do. The reason is that of an [*auth.TokenError]; any other err means that the token was
// good and does not permit this. The text of err is logged: it must hold neither payload nor token.
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
	attrs := append(e.attrs(), slog.String("outcome", "refused"), slog.String("reason", string(reason)), slog.Any("error", err))
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
		slog.String("subject", short(e.Subject)), slog.String("target", short(e.Target)), slog.String("connection_id", short(e.ConnectionID)), slog.String("group", short(e.Group)),
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
