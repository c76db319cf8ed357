package postgres

import (
	"context"
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
		&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "53300"}, io.ErrUnexpectedEOF, &net.OpError{Op: "read", Err: errors.New("reset")},
	} {
		require.True(t, Passing(fmt.Errorf("wrapped: %w", err)), "%#v", err)
	}
	for _, err := range []error{&pgconn.PgError{Code: "42P01"}, ErrNotMigrated, pgx.ErrNoRows, errors.New("anything else")} {
		require.False(t, Passing(fmt.Errorf("wrapped: %w", err)), "%#v", err)
	}
}

// A connection that is killed in the middle of a statement is no reason to give up.
func TestPersistReadsAgain(t *testing.T) {
	t.Parallel()
	pool := emptyDatabase(t)
	attempts := 0
	require.NoError(t, Persist(t.Context(), discard(), func() error {
		attempts++
		if attempts == 1 {
			_, err := pool.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
			return err
		}
		return nil
	}))
	require.Equal(t, 2, attempts)

	final := errors.New("final")
	require.ErrorIs(t, Persist(t.Context(), discard(), func() error { return final }), final)
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, Persist(ctx, discard(), func() error { cancel(); return io.ErrUnexpectedEOF }), io.ErrUnexpectedEOF)
}
