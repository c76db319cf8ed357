package postgres

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Passing reports whether a statement failed because of the connection or of a server that ends, starts or is full: it may succeed
// later on another connection. Whether it had its effect is not known.
func Passing(err error) bool {
	if _, ok := errors.AsType[*pgconn.PgError](err); ok {
		return mayHeal(err)
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
