package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Unsettled returns a statement for each setting that pool's sessions have other than Herald needs it. The statement
// gives Herald's role the right value. There are such settings behind a pooler, where Herald sets nothing, and among
// those that only a superuser may set.
func Unsettled(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	settings := Options{}.withDefaults().settings()
	names, values := make([]string, len(settings)), make([]string, len(settings))
	for i, s := range settings {
		names[i], values[i] = s.name, s.value
	}
	// The pooler sets tcp_user_timeout.
	rows, err := pool.Query(ctx,
		`SELECT s.name, v.value, s.vartype = 'string' AND s.name <> 'search_path', current_user::pg_catalog.text, pg_catalog.current_database()::pg_catalog.text
		FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) v (name, value)
		JOIN pg_catalog.pg_settings s ON s.name OPERATOR(pg_catalog.=) v.name
		WHERE s.setting OPERATOR(pg_catalog.<>) v.value AND v.name OPERATOR(pg_catalog.<>) 'tcp_user_timeout' ORDER BY s.name`, names, values)
	if err != nil {
		return nil, fmt.Errorf("reading the session's settings: %w", err)
	}
	statements, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var name, value, role, database string
		var quoted bool
		err := row.Scan(&name, &value, &quoted, &role, &database)
		if quoted || value == "" || strings.ContainsAny(value, " ") && name != "search_path" {
			value = "'" + value + "'"
		}
		return fmt.Sprintf("ALTER ROLE %s IN DATABASE %s SET %s = %s",
			pgx.Identifier{role}.Sanitize(), pgx.Identifier{database}.Sanitize(), name, value), err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the session's settings: %w", err)
	}
	return statements, nil
}

// tellUnsettled logs the settings that sessions behind a pooler lack.
func (o Options) tellUnsettled(ctx context.Context, pool *pgxpool.Pool) {
	statements, err := Unsettled(ctx, pool)
	if err == nil && len(statements) > 0 {
		o.Logger.WarnContext(ctx,
			"a pooler stands before the database, so Herald cannot set what its sessions depend on: set it for the role",
			slog.String("statements", strings.Join(statements, "; ")))
	}
}
