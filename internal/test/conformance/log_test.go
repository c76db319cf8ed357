package conformance_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
)

// serverLog keeps what the servers log about each connection, so that a case that fails can show it.
type serverLog struct {
	mu    sync.Mutex
	lines map[string][]string // by connection id
}

func (*serverLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *serverLog) Handle(ctx context.Context, r slog.Record) error {
	var id string
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "connection_id" {
			id = a.Value.String()
		}
		return id == ""
	})
	var line bytes.Buffer
	if err := slog.NewTextHandler(&line, &slog.HandlerOptions{Level: slog.LevelDebug}).Handle(ctx, r); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[id] = append(l.lines[id], line.String())
	return nil
}

func (l *serverLog) WithAttrs([]slog.Attr) slog.Handler { panic("the server logs without") }
func (l *serverLog) WithGroup(string) slog.Handler      { panic("the server logs without") }

// logOf returns what was logged about the connections of a case.
func (w *world) logOf(tag string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	var lines []string
	for id, p := range w.peers {
		if p.tag == tag {
			lines = append(lines, w.log.lines[id]...)
		}
	}
	return lines
}
