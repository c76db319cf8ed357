package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Reseeded is what Reseed has found in the outbox, in rows.
type Reseeded struct{ Pending, Total int64 }

// Reseed lets relaying go on in a database that was restored, within tx. Rows without a place in the log are relayed
// next, except for those in setAside, which jobs hold by their seq. A new epoch begins, because what clients have
// seen since the dump was made is lost. Reseed goes from day to day, and calls progress after each.
func Reseed(ctx context.Context, tx pgx.Tx, setAside []int64,
	progress func(day time.Time, sofar Reseeded),
) (Reseeded, error) {
	var sum Reseeded
	q := dbsqlc.New(tx)
	if _, err := q.StateLockWait(ctx); err != nil {
		return sum, fmt.Errorf("waiting for the relay's lock: %w", err)
	}
	days, err := q.ReseedDays(ctx)
	if err != nil {
		return sum, fmt.Errorf("reading the outbox: %w", err)
	}
	for day := days.Oldest.UTC().Truncate(oneDay); !day.After(days.Newest); day = day.Add(oneDay) {
		rows, err := q.ReseedRows(ctx,
			dbsqlc.ReseedRowsParams{SetAside: setAside, WrittenFrom: day, WrittenBefore: day.Add(oneDay)})
		if err != nil {
			return sum, fmt.Errorf("reseeding the events of %s: %w", day.Format(time.DateOnly), err)
		}
		sum.Pending += rows.Pending
		sum.Total += rows.Total
		progress(day, sum)
	}
	if _, err := q.EpochBegin(ctx); err != nil {
		return sum, fmt.Errorf("beginning an epoch: %w", err)
	}
	if err := q.ReseedState(ctx); err != nil {
		return sum, fmt.Errorf("writing the relay's state: %w", err)
	}
	// The dump holds the keys of the nodes that it was taken from. What those nodes seal must be worth nothing here,
	// and what this database's nodes seal nothing there.
	if err := q.NodeKeysDrop(ctx); err != nil {
		return sum, fmt.Errorf("dropping the nodes' keys: %w", err)
	}
	if err := q.NodesForget(ctx); err != nil {
		return sum, fmt.Errorf("forgetting the nodes of the dump: %w", err)
	}
	return sum, nil
}

const oneDay = 24 * time.Hour
