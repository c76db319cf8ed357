package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Pausing is the relay's pause.
type Pausing struct {
	Since time.Time // zero where it is not
	By    string    // who paused it, in their own words
	// Position is the newest position of the log. RelayedAt is when the log last grew (zero: never).
	Position  int64
	RelayedAt time.Time
}

// Paused reports whether the relay is paused.
func (p Pausing) Paused() bool { return !p.Since.IsZero() }

// Pause makes every node leave committed events in the outbox until [Resume]. When it returns nothing is relayed any
// more: it waits for the batch that is under way. It reports whether it changed anything.
func Pause(ctx context.Context, db postgres.Beginner, by string) (bool, error) {
	return setPause(ctx, db, true, by)
}

// Resume lets the nodes go on from where they stopped. It reports whether it changed anything.
func Resume(ctx context.Context, db postgres.Beginner) (bool, error) {
	return setPause(ctx, db, false, "")
}

func setPause(ctx context.Context, db postgres.Beginner, pause bool, by string) (changed bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		q := dbsqlc.New(tx)
		if _, err := q.StateLockWait(ctx); err != nil {
			return err
		}
		steps, err := q.PauseSet(ctx, dbsqlc.PauseSetParams{Pause: pause, PausedBy: &by})
		if changed = steps > 0; err != nil || !changed {
			return err
		}
		return q.RelayWake(ctx)
	})
	if err != nil {
		return false, fmt.Errorf("setting the relay's pause: %w", err)
	}
	return changed, nil
}

// ReadPausing returns whether the relay is paused.
func ReadPausing(ctx context.Context, db dbsqlc.DBTX) (Pausing, error) {
	row, err := dbsqlc.New(db).PauseRead(ctx)
	if err != nil {
		return Pausing{}, fmt.Errorf("reading the relay's pause: %w", err)
	}
	return Pausing{
		Since: postgres.OrZero(row.PausedAt), By: postgres.OrZero(row.PausedBy), Position: row.Position,
		RelayedAt: postgres.OrZero(row.RelayedAt),
	}, nil
}
