package postgres

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestPassing(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "53300"}, io.ErrUnexpectedEOF,
		&net.OpError{Op: "read", Err: errors.New("reset")},
	} {
		require.True(t, Passing(fmt.Errorf("wrapped: %w", err)), "%#v", err)
	}
	for _, err := range []error{
		&pgconn.PgError{Code: "42P01"}, ErrNotMigrated, pgx.ErrNoRows,
		errors.New("anything else"),
	} {
		require.False(t, Passing(fmt.Errorf("wrapped: %w", err)), "%#v", err)
	}
}
