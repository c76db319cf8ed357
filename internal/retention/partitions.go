package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// attachTimeout bounds how long attaching or dropping a partition waits for its lock, because producers queue behind
// it.
const attachTimeout = "SET LOCAL lock_timeout = '200ms'"

// changePartitions makes tx the only one that creates or drops partitions. It waits for others that do.
func changePartitions(ctx context.Context, tx pgx.Tx) error {
	if err := dbsqlc.New(tx).PartitionsLock(ctx); err != nil {
		return fmt.Errorf("waiting for others that change partitions: %w", err)
	}
	_, err := tx.Exec(ctx, attachTimeout)
	return err //nolint:wrapcheck // wrapped once, by the callers
}

// EnsurePartitions creates the missing daily partitions from today (UTC) to daysAhead days later, each in a
// transaction of its own, and returns how many it made. A day that fails does not keep the others from being made.
func EnsurePartitions(ctx context.Context, db postgres.Beginner, today time.Time, daysAhead int) (int, error) {
	created := 0
	var failed []error
	for _, table := range []string{"outbox", "event_log"} {
		for ahead := range daysAhead + 1 {
			made, err := ensurePartition(ctx, db, table, today.UTC().AddDate(0, 0, ahead))
			if err != nil {
				failed = append(failed, err)
			}
			if made {
				created++
			}
		}
	}
	return created, errors.Join(failed...)
}

func ensurePartition(ctx context.Context, db postgres.Beginner, table string, day time.Time) (made bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := changePartitions(ctx, tx); err != nil {
			return err
		}
		made, err = dbsqlc.New(tx).PartitionEnsure(ctx, dbsqlc.PartitionEnsureParams{
			Parent: table, Day: pgtype.Date{Time: day, Valid: true},
		})
		return err
	})
	if err != nil {
		return false, fmt.Errorf("creating the partition of %s for %s: %w", table, day.Format(time.DateOnly), err)
	}
	return made, nil
}
