package relay

import (
	"context"
	"fmt"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// PruneCheckpoints deletes the steps of the relay's state that newer steps have replaced, except for a few.
func PruneCheckpoints(ctx context.Context, db dbsqlc.DBTX) error {
	if _, err := dbsqlc.New(db).CheckpointPrune(ctx); err != nil {
		return fmt.Errorf("pruning the relay's checkpoints: %w", err)
	}
	return nil
}
