package postgres

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Passing reports whether a statement failed because of the connection, of the server's state or of others at work, and not because of
// itself: it may succeed later on another connection. Whether it had its effect is not known.
func Passing(err error) bool {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Classes of SQLSTATE: connection, transaction state (a time-out), rollback, resources, locks, intervention, system.
		return slices.Contains([]string{"08", "25", "40", "53", "55", "57", "58"}, server.Code[:2])
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return mayHeal(err)
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

// Persist calls read, which may be called again, until it fails for no passing reason, or ctx ends.
func Persist(ctx context.Context, logger *slog.Logger, read func() error) error {
	for delay := retryFirst; ; delay = min(2*delay, retryMost) {
		err := read()
		if err == nil || ctx.Err() != nil || !Passing(err) {
			return err
		}
		logger.WarnContext(ctx, "waiting for the database", slog.Any("error", err), slog.Duration("retry_in", delay))
		select {
		case <-ctx.Done():
			return err
		case <-time.After(delay):
		}
	}
}
