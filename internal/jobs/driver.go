package jobs

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// driver is River's own driver with one difference. River takes an error that ends in "conn closed" for its own
// shutdown. A client whose connection is cut while it starts would then seem started, and never work a job.
type driver struct{ *riverpgxv5.Driver }

func newDriver(pool *pgxpool.Pool) driver { return driver{riverpgxv5.New(pool)} }

// GetExecutor returns the executor of River's statements.
func (d driver) GetExecutor() riverdriver.Executor { return executor{d.Driver.GetExecutor()} }

type executor struct{ riverdriver.Executor }

// QueueCreateOrSetUpdatedAt is the statement of a client that starts. Its error never looks like a shutdown.
func (e executor) QueueCreateOrSetUpdatedAt(ctx context.Context,
	params *riverdriver.QueueCreateOrSetUpdatedAtParams,
) (*rivertype.Queue, error) {
	queue, err := e.Executor.QueueCreateOrSetUpdatedAt(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("setting up the queue: %w, while it started", err)
	}
	return queue, nil
}
