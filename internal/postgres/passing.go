package postgres

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// Passing reports whether a statement failed because of the connection, the server's state or concurrent
// transactions, and not because of itself: it may succeed later on another connection. Whether it had its effect is
// unknown.
func Passing(err error) bool {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Classes of SQLSTATE: connection, transaction state (a time-out), rollback, resources, locks, intervention, system.
		return slices.Contains([]string{"08", "25", "40", "53", "55", "57", "58"}, server.Code[:2])
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return !Final(err)
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}
