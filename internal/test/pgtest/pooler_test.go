package pgtest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func through(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func backend(t *testing.T, conn *pgx.Conn) (pid uint32) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
	return pid
}

// The pooler takes away what a pooler in transaction mode takes away.
func TestPoolerGivesEachTransactionASession(t *testing.T) {
	t.Parallel()
	p := NewPooler(t, New(t), 2)
	conn := through(t, p.DSN("default_query_exec_mode=exec"))
	first := backend(t, conn)
	require.NotEqual(t, first, backend(t, conn))
	require.Equal(t, first, backend(t, conn))
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	inside := backend(t, conn)
	require.Equal(t, inside, backend(t, conn), "a transaction keeps its session")
	require.NoError(t, tx.Rollback(t.Context()))

	_, err = pgx.Connect(t.Context(), p.DSN("jit=off"))
	require.ErrorContains(t, err, "unsupported startup parameter: jit")

	prepared := through(t, p.DSN(""))
	_, err = prepared.Prepare(t.Context(), "mine", "SELECT 1")
	require.NoError(t, err)
	_, err = prepared.Exec(t.Context(), "mine")
	require.ErrorContains(t, err, `"mine" does not exist`)

	_, err = conn.Exec(t.Context(), "LISTEN somewhere")
	require.NoError(t, err)
	notified := through(t, p.DSN("default_query_exec_mode=exec"))
	for range 4 {
		_, err = notified.Exec(t.Context(), "NOTIFY somewhere")
		require.NoError(t, err)
	}
	waiting, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = conn.WaitForNotification(waiting)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestPoolerOutlivesItsSessions(t *testing.T) {
	t.Parallel()
	db := New(t)
	p := NewPooler(t, db, 1)
	leaving := through(t, p.DSN("default_query_exec_mode=exec"))
	_, err := leaving.Begin(t.Context())
	require.NoError(t, err)
	gone := backend(t, leaving)
	require.NoError(t, leaving.Close(t.Context()))
	conn := through(t, p.DSN("default_query_exec_mode=exec"))
	second := backend(t, conn)
	require.NotEqual(t, gone, second, "its transaction is not handed on")
	_, err = db.Conn(t).Exec(t.Context(), "SELECT pg_terminate_backend($1, 5000)", second)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // a client that came before the pooler knew is sent away
		next := through(t, p.DSN("default_query_exec_mode=exec"))
		var third uint32
		err := next.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&third)
		return err == nil && third != second
	}, 30*time.Second, 10*time.Millisecond)
}
