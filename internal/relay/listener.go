package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/time/rate"
)

// The channels of Herald's notifications.
const (
	outboxChannel = "herald_outbox" // an armed producer has committed
	logChannel    = "herald_log"    // a relay has committed; the payload is the log's position
	probeChannel  = "herald_probe"  // a listener wants to know whether notifications arrive
)

const (
	defaultLiveness = 5 * time.Second
	listenRetryMost = 5 * time.Second // nothing waits for a notification: looks find events
	strayInterval   = time.Minute
)

// ErrNotListening is returned where a LISTEN was accepted but no notification arrives.
var ErrNotListening = errors.New("notifications do not arrive: where a pooler stands before the database, " +
	"set HERALD_LISTEN_DATABASE_URL to the database itself")

// Listener turns notifications into wake-ups. It guarantees nothing: relay and tail also look by themselves.
type Listener struct {
	// Connect opens a connection that only the listener uses, and that does not lead through a pooler.
	Connect func(ctx context.Context) (*pgx.Conn, error)
	// Probe notifies every listener, over another connection: see [Probe].
	Probe func(ctx context.Context) error
	// Own is the server process of this node's own relay. The listener ignores notifications of its batches, because
	// they are handed over directly. Defaults to none.
	Own func() uint32
	// Outbox is called when there may be something to relay, Log when the log has reached position, Reconnected when
	// notifications may have been missed. None may block.
	Outbox      func()
	Log         func(position int64)
	Reconnected func()
	Logger      *slog.Logger
	// Liveness is how long a quiet connection goes unchecked, and how long the check may take. Defaults to 5 seconds.
	Liveness time.Duration

	listening atomic.Bool
	strays    rate.Sometimes // lines
	leftOut   int
}

// Listening reports whether notifications arrive.
func (l *Listener) Listening() bool { return l.listening.Load() }

// Probe sends a notification to every listener.
func Probe(ctx context.Context, db interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
},
) error {
	if _, err := db.Exec(ctx, "SELECT pg_notify('"+probeChannel+"', '')"); err != nil {
		return fmt.Errorf("notifying: %w", err)
	}
	return nil
}

// Run listens until ctx ends. It replaces a lost connection.
func (l *Listener) Run(ctx context.Context) error {
	silence := outage{logger: l.Logger, most: listenRetryMost}
	for {
		err := l.session(ctx, func() {
			l.listening.Store(true)
			silence.over(ctx, "listening for notifications again")
		})
		l.listening.Store(false)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		delay := silence.failed(ctx, "not listening for notifications, events take longer", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
}

// Check connects, listens and returns nil when a notification has arrived. It fails with [ErrNotListening] where
// none arrives.
func (l *Listener) Check(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	arrived := errors.New("a notification has arrived")
	err := l.session(ctx, func() { cancel(arrived) })
	if errors.Is(context.Cause(ctx), arrived) {
		return nil
	}
	return err
}

// session listens over one connection until the connection fails or ctx ends. It calls alive whenever a notification
// proves that they arrive.
func (l *Listener) session(ctx context.Context, alive func()) error {
	liveness := cmp.Or(l.Liveness, defaultLiveness)
	conn, err := l.connect(ctx, liveness)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(closing) // a connection holds nothing
	}()
	l.Reconnected()
	if err := l.probe(ctx, liveness); err != nil { // a LISTEN that a pooler has swallowed looks like any other
		return err
	}
	for probed := true; ; {
		waiting, cancel := context.WithTimeout(ctx, liveness)
		notification, err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case err == nil:
			if probed {
				probed = false
				alive()
			}
			l.dispatch(ctx, notification)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && !probed:
			if err := l.probe(ctx, liveness); err != nil {
				return err
			}
			probed = true
		case errors.Is(err, context.DeadlineExceeded):
			return ErrNotListening
		default:
			return fmt.Errorf("waiting for a notification: %w", err)
		}
	}
}

func (l *Listener) connect(ctx context.Context, limit time.Duration) (*pgx.Conn, error) {
	conn, err := l.Connect(ctx)
	if err != nil {
		return nil, err
	}
	listening, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := conn.Exec(listening,
		"LISTEN "+outboxChannel+"; LISTEN "+logChannel+"; LISTEN "+probeChannel); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(closing)
		return nil, fmt.Errorf("listening: %w", err)
	}
	return conn, nil
}

func (l *Listener) probe(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return l.Probe(ctx)
}

func (l *Listener) dispatch(ctx context.Context, n *pgconn.Notification) {
	switch n.Channel {
	case outboxChannel:
		l.Outbox()
	case logChannel:
		if l.Own != nil && n.PID == l.Own() {
			return
		}
		position, err := strconv.ParseInt(n.Payload, 10, 64)
		if err != nil {
			l.stray(ctx, n)
			return
		}
		l.Log(position)
	}
}

// stray logs a notification that no relay sends. Any role of the cluster may send any number, of 8 kB each.
func (l *Listener) stray(ctx context.Context, n *pgconn.Notification) {
	l.leftOut++
	l.strays.Interval = strayInterval
	l.strays.Do(func() {
		l.Logger.WarnContext(ctx, "another program notifies a channel of Herald's", slog.String("channel", n.Channel),
			slog.Uint64("server_process", uint64(n.PID)), slog.Int("bytes", len(n.Payload)), slog.Int("left_out", l.leftOut-1))
		l.leftOut = 0
	})
}
