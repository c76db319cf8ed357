package bench

import (
	"context"
	"fmt"
	"runtime"

	"github.com/jackc/pgx/v5"
)

// Conditions returns the settings that decide a database's speed, for the conditions of figures.
func Conditions(ctx context.Context, conn *pgx.Conn) (map[string]any, error) {
	all := map[string]any{"cores": runtime.NumCPU(), "value": "median"}
	for _, name := range []string{"server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers"} {
		var value string
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return nil, fmt.Errorf("reading the database's setting %s: %w", name, err)
		}
		all[name] = value
	}
	return all, nil
}

// TableBytes is a table's size, with its indexes and partitions.
func TableBytes(ctx context.Context, conn *pgx.Conn, table string) (bytes int64, err error) {
	err = conn.QueryRow(
		ctx, `SELECT coalesce(sum(pg_total_relation_size(t.relid)), pg_total_relation_size($1::regclass))::bigint
		FROM pg_partition_tree($1::regclass) t WHERE t.isleaf`, table).Scan(&bytes)
	if err != nil {
		return 0, fmt.Errorf("reading the size of %s: %w", table, err)
	}
	return bytes, nil
}

// Connect opens a connection for the bench itself.
func Connect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	return conn, nil
}

// Disconnect closes a connection, also after ctx has ended.
func Disconnect(ctx context.Context, conn *pgx.Conn) { _ = conn.Close(context.WithoutCancel(ctx)) }
