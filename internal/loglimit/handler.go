// Package loglimit keeps the log readable and bounded whatever clients and producers send. Of equal lines it passes
// a few a second and counts the rest; long attributes are cut.
//
// Two lines are equal where their message and level are equal. Messages are constants of the program, so the
// package's memory does not grow. The audit log passes: it has a limit of its own, for each subject.
package loglimit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"unicode/utf8"
)

const (
	perSecond = 10
	atOnce    = 50      // of one message, after a quiet time
	longest   = 2 << 10 // bytes of one attribute's text
)

// Handler passes lines on to another handler. Use [New].
type Handler struct {
	next    slog.Handler
	limits  *sync.Map // of key to *Limit, shared by all handlers that derive from one
	limited bool
}

type key struct {
	message string
	level   slog.Level
}

// New returns a handler before next.
func New(next slog.Handler) *Handler { return &Handler{next: next, limits: &sync.Map{}, limited: true} }

// Enabled is next's.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle passes the line on, or counts it; the next line of its kind says how many were left out.
func (h *Handler) Handle(ctx context.Context, line slog.Record) error {
	short := slog.NewRecord(line.Time, line.Level, line.Message, line.PC)
	line.Attrs(func(a slog.Attr) bool { short.AddAttrs(cut(a)); return true })
	if h.limited {
		leftOut, ok := h.of(key{line.Message, line.Level}).Take(line.Time)
		if !ok {
			return nil
		}
		if leftOut > 0 {
			short.AddAttrs(slog.Int64("left_out", leftOut))
		}
	}
	return h.next.Handle(ctx, short) //nolint:wrapcheck // the logger's, which drops it
}

func (h *Handler) of(k key) *Limit {
	if l, ok := h.limits.Load(k); ok {
		return l.(*Limit) //nolint:forcetypeassert,errcheck // of is the only one that stores
	}
	l, _ := h.limits.LoadOrStore(k, NewLimit(perSecond, atOnce))
	return l.(*Limit) //nolint:forcetypeassert,errcheck // as above
}

// WithAttrs keeps the limits. A logger of the audit log has none here.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	limited := h.limited
	for i, a := range attrs {
		limited = limited && (a.Key != "log" || a.Value.String() != "audit")
		attrs[i] = cut(a)
	}
	return &Handler{h.next.WithAttrs(attrs), h.limits, limited}
}

// WithGroup keeps the limits.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.next.WithGroup(name), h.limits, h.limited}
}

// cut shortens long values, such as an error that quotes a client's input.
func cut(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(shorten(v.String()))
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error:
			a.Value = slog.StringValue(shorten(x.Error()))
		case fmt.Stringer:
			a.Value = slog.StringValue(shorten(x.String()))
		}
	case slog.KindGroup:
		group := make([]slog.Attr, len(v.Group()))
		for i, member := range v.Group() {
			group[i] = cut(member)
		}
		a.Value = slog.GroupValue(group...)
	default:
	}
	return a
}

func shorten(s string) string {
	if len(s) <= longest {
		return s
	}
	end := longest
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes more)", s[:end], len(s)-end)
}
