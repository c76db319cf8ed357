package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrUnsupported says that this release does not support the server's version.
var ErrUnsupported = errors.New("PostgreSQL 15 to 18 are supported")

// ErrReadOnly says that the database takes no writes now.
var ErrReadOnly = errors.New(
	"the database is read-only: a standby that has not been promoted, or default_transaction_read_only is on")

const versionsPerMajor = 10000 // how server_version_num counts

// checkServer refuses a server that this release does not support. An older server lacks what Herald uses. Of a
// newer one it is not known whether it keeps the rules of snapshots that exactly-once depends on. Where writing is
// needed it returns [ErrReadOnly] for a standby.
func checkServer(ctx context.Context, conn *pgx.Conn, writing bool) error {
	var version int
	var readOnly bool
	err := conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
		pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool`,
		pgx.QueryExecModeSimpleProtocol).Scan(&version, &readOnly)
	if err != nil {
		return fmt.Errorf("asking for the server's version: %w", err)
	}
	major, minor := version/versionsPerMajor, version%versionsPerMajor
	switch {
	case major < OldestVersion:
		return fmt.Errorf("the server is PostgreSQL %d.%d: %w: upgrade the server", major, minor, ErrUnsupported)
	case major > NewestVersion:
		return fmt.Errorf("the server is PostgreSQL %d.%d: %w by this release: use a newer one of Herald", major, minor,
			ErrUnsupported)
	case writing && readOnly:
		return ErrReadOnly
	}
	return nil
}
