package relay

import (
	"context"
	"fmt"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Lag is how far the relay is behind.
type Lag struct {
	Waiting       int64   // rows, counted up to the limit
	OldestSeconds float64 // 0 where none waits
	Paused        bool    // they wait because of a pause
}

// ReadLag measures how far the relay is behind, counting at most limit rows.
func ReadLag(ctx context.Context, db dbsqlc.DBTX, limit int) (Lag, error) {
	row, err := dbsqlc.New(db).OutboxLag(ctx, int32(limit)) //nolint:gosec // a constant of the caller's
	if err != nil {
		return Lag{}, fmt.Errorf("measuring the relay's lag: %w", err)
	}
	return Lag(row), nil
}
