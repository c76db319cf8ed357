package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// complaintInterval is how often the log repeats the same trouble of a listener.
	complaintInterval = 5 * time.Second
	// acceptPause and acceptLongestPause are the first and the longest pause after an error of Accept; the pause
	// doubles.
	acceptPause        = 5 * time.Millisecond
	acceptLongestPause = time.Second
)

// complaint counts events since the last log line about them.
type complaint struct {
	mu    sync.Mutex
	count int
	told  time.Time
}

// due counts one more event, and says whether the log is to report the count.
func (c *complaint) due(now time.Time) (count int, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	if now.Sub(c.told) < complaintInterval {
		return 0, false
	}
	count, c.count, c.told = c.count, 0, now
	return count, true
}

// doorListener returns the sockets that the door lets in.
type doorListener struct {
	net.Listener
	door   *door
	closed chan struct{}
	once   sync.Once
}

func newDoorListener(socket net.Listener, d *door) *doorListener {
	return &doorListener{Listener: socket, door: d, closed: make(chan struct{})}
}

// Close closes the listener.
func (l *doorListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close() //nolint:wrapcheck // a net.Listener's errors pass as they are
}

// Accept waits after a temporary error, above all too many open files: an error that it returned could end the
// server.
func (l *doorListener) Accept() (net.Conn, error) {
	pause := acceptPause
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil:
			if l.enter(conn) {
				return conn, nil
			}
		case final(err):
			return nil, err //nolint:wrapcheck // as above
		default:
			l.failed(err)
			select {
			case <-time.After(pause):
			case <-l.closed:
			}
			pause = min(2*pause, acceptLongestPause)
			continue
		}
		pause = acceptPause
	}
}

// enter lets conn in, or closes it.
func (l *doorListener) enter(conn net.Conn) bool {
	l.door.await(conn)
	return l.door.enter(conn) == ""
}

// final says that a listener will never accept again.
func final(err error) bool {
	return slices.ContainsFunc([]error{net.ErrClosed, syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK, syscall.EFAULT},
		func(one error) bool { return errors.Is(err, one) })
}

func (l *doorListener) failed(err error) {
	l.door.cfg.acceptFailed()
	n, due := l.door.failures.due(l.door.cfg.now())
	if !due {
		return
	}
	attributes := []slog.Attr{slog.String("address", l.Addr().String()), slog.Int("errors", n), slog.Any("error", err)}
	if errors.Is(err, syscall.EMFILE) {
		if limit, known := openFiles(); known {
			attributes = append(attributes, slog.Uint64("open_files_limit", limit))
		}
	}
	l.door.cfg.logger.LogAttrs(context.Background(), slog.LevelWarn,
		"connections cannot be accepted at present", attributes...)
}
