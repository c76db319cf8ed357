package retention

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Growth is the size of a partitioned table.
type Growth struct {
	Table         string // outbox or event_log
	Bytes         float64
	Rows          float64 // as the planner estimates them, from the last vacuum or analyze
	Partitions    float64 // days; the default partition does not count
	OldestSeconds float64 // age of the beginning of the oldest day
}

// readGrowth stands here because sqlc does not know the catalogue. It reads no table.
const readGrowth = `SELECT p.parent, coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8, coalesce(sum(greatest(c.reltuples, 0)), 0)::float8,
		count(*) FILTER (WHERE c.relname <> p.parent || '_default')::float8,
		coalesce(greatest(extract(epoch FROM now() - (SELECT min(herald.day_begins(d)) FROM herald.partition_days(p.parent) d)), 0), 0)::float8
	FROM unnest('{outbox,event_log}'::text[]) p (parent)
	JOIN pg_inherits i ON i.inhparent = to_regclass('herald.' || p.parent)
	JOIN pg_class c ON c.oid = i.inhrelid
	GROUP BY p.parent`

// ReadGrowth measures the outbox and the log.
func ReadGrowth(ctx context.Context, db dbsqlc.DBTX) ([]Growth, error) {
	rows, err := db.Query(ctx, readGrowth)
	if err != nil {
		return nil, fmt.Errorf("measuring the outbox: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Growth])
	if err != nil {
		return nil, fmt.Errorf("measuring the outbox: %w", err)
	}
	return tables, nil
}
