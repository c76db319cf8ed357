package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The channels of herald's notifications.
const (
	outboxChannel = "herald_outbox" // an armed producer has committed
	logChannel    = "herald_log"    // a relay has committed; the payload is the log's position
)

// livenessInterval is how long a quiet LISTEN connection goes unchecked.
const livenessInterval = 5 * time.Second

// Listener turns notifications into wake-ups. It guarantees nothing: relay and tail look by themselves too.
type Listener struct {
	// Connect opens a connection that is the listener's alone, and no pooler's.
	Connect func(ctx context.Context) (*pgx.Conn, error)
	// Outbox is called when there may be something to relay, Log when the log has reached position, Reconnected when
	// anything may have been missed. None may block.
	Outbox      func()
	Log         func(position int64)
	Reconnected func()
	Logger      *slog.Logger

	listening atomic.Bool
}

// Listening says whether notifications arrive.
func (l *Listener) Listening() bool { return l.listening.Load() }

// Run listens until ctx ends; a lost connection is replaced.
func (l *Listener) Run(ctx context.Context) error {
	for {
		err := l.session(ctx)
		l.listening.Store(false)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		l.Logger.WarnContext(ctx, "not listening for notifications, events take longer", slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reconnectDelay):
		}
	}
}

func (l *Listener) session(ctx context.Context) error {
	conn, err := l.Connect(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(closing) // nothing is lost with it
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+outboxChannel+"; LISTEN "+logChannel); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	l.listening.Store(true)
	l.Reconnected()
	for {
		waiting, cancel := context.WithTimeout(ctx, livenessInterval)
		notification, err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case err == nil:
			l.dispatch(ctx, notification)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			checking, cancel := context.WithTimeout(ctx, livenessInterval)
			err = conn.Ping(checking)
			cancel()
			if err != nil {
				return fmt.Errorf("checking the connection: %w", err)
			}
		default:
			return fmt.Errorf("waiting for a notification: %w", err)
		}
	}
}

func (l *Listener) dispatch(ctx context.Context, n *pgconn.Notification) {
	switch n.Channel {
	case outboxChannel:
		l.Outbox()
	case logChannel:
		position, err := strconv.ParseInt(n.Payload, 10, 64)
		if err != nil {
			l.Logger.WarnContext(ctx, "unexpected notification", slog.String("channel", n.Channel), slog.String("payload", n.Payload))
			return
		}
		l.Log(position)
	}
}
