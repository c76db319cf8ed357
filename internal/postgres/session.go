package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ThroughPooler reports whether a connection pooler stands between conn and the database: it names its clients' sessions itself,
// so the number that the session began with is not that of the server process behind it.
func ThroughPooler(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var backend uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&backend); err != nil {
		return false, fmt.Errorf("asking for the session's process: %w", err)
	}
	return backend != conn.PgConn().PID(), nil
}

// Connect opens a single connection, with the time-outs of a pool's.
func Connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	if err := (Options{}).withDefaults().settle(ctx, conn); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(closing) // it failed already
		return nil, err
	}
	return conn, nil
}

// ConnConfig returns how [Connect] opens a single connection to the database of the connection string.
func ConnConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := Options{}.withDefaults().config(dsn)
	if err != nil {
		return nil, err
	}
	return config.ConnConfig, nil
}

// settle gives a session that is conn's alone its time-outs, in one round trip. Behind a pooler it is not, and nothing is set: it would
// stay with a session of the server's that serves somebody else next. No setting is a startup parameter either: a pooler
// refuses those that it does not know.
func (o Options) settle(ctx context.Context, conn *pgx.Conn) error {
	// What a query mode that does not ask the server for its types goes by.
	conn.TypeMap().RegisterDefaultPgType(uuid.UUID{}, "uuid")
	conn.TypeMap().RegisterDefaultPgType([]uuid.UUID{}, "_uuid")
	conn.TypeMap().RegisterDefaultPgType([][16]byte{}, "_uuid")
	// Compiling a short query costs more than running it: hundreds of milliseconds where an estimate is off.
	_, err := conn.PgConn().Exec(ctx, fmt.Sprintf(`SELECT set_config('jit', 'off', false),
		set_config('idle_in_transaction_session_timeout', '%d', false), set_config('tcp_user_timeout', '%d', false)
		WHERE pg_backend_pid() = %d`, o.IdleInTransactionTimeout.Milliseconds(), o.TCPUserTimeout.Milliseconds(), conn.PgConn().PID())).ReadAll()
	if err != nil {
		return fmt.Errorf("setting the session's time-outs: %w", err)
	}
	return nil
}
