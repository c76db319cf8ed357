package relay

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// ErrRestored is returned for a database that was restored from a dump, or moved to another server in another way
// that gives it new transaction ids. The relay cannot tell what it has relayed: relaying on would lose events
// silently.
var ErrRestored = errors.New(
	"the database was restored from a dump or belongs to another server now, so its transaction ids mean nothing: " +
		"stop every node and run `herald migrate reseed`")

// CheckEpoch reports whether relaying can go on in this database. It fails with [ErrRestored] where it cannot.
func CheckEpoch(ctx context.Context, db dbsqlc.DBTX) error {
	_, err := readEpoch(ctx, dbsqlc.New(db))
	return err
}

// EnterEpoch is a relay's first step. In a database that was promoted from a replica, or recovered to a point in
// time, it begins a new epoch: the newest entries may be missing, and their positions are given anew. It returns the
// epoch, or [ErrRestored].
func EnterEpoch(ctx context.Context, db postgres.Beginner) (epoch int64, began bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		q := dbsqlc.New(tx)
		is, err := readEpoch(ctx, q)
		if epoch = is.Epoch; err != nil || !is.Promoted {
			return err
		}
		if _, err := q.StateLockWait(ctx); err != nil {
			return fmt.Errorf("waiting for the relay's lock: %w", err)
		}
		is, err = readEpoch(ctx, q) // another node may have been here
		if epoch = is.Epoch; err != nil || !is.Promoted {
			return err
		}
		if epoch, err = q.EpochBegin(ctx); err != nil {
			return fmt.Errorf("beginning an epoch: %w", err)
		}
		began = true
		return nil
	})
	return epoch, began && err == nil, err //nolint:wrapcheck // of a transaction that says what it was about
}

func readEpoch(ctx context.Context, q *dbsqlc.Queries) (dbsqlc.EpochReadRow, error) {
	is, err := q.EpochRead(ctx)
	if err != nil {
		return is, fmt.Errorf("reading the log's epoch: %w", err)
	}
	if is.Moved || is.Ahead {
		return is, ErrRestored
	}
	return is, nil
}
