package jobs

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
)

// cut is a database whose connections are closed in the middle of a statement.
type cut struct{ riverdriver.Executor }

func (cut) QueueCreateOrSetUpdatedAt(context.Context,
	*riverdriver.QueueCreateOrSetUpdatedAtParams,
) (*rivertype.Queue, error) {
	return nil, pgconn.ErrConnClosed
}

// A client whose connection was cut while it started returns an error. River alone would call it started.
func TestACutConnectionIsNoShutdown(t *testing.T) {
	t.Parallel()
	_, err := executor{cut{}}.QueueCreateOrSetUpdatedAt(t.Context(), nil)
	require.ErrorIs(t, err, pgconn.ErrConnClosed)
	require.NotRegexp(t, "conn closed$", err.Error())
}

// Where River could not start, it starts the next time.
func TestStartCanBeCalledAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `ALTER TABLE herald.river_queue RENAME TO away`)
	require.ErrorContains(t, b.jobs.Start(t.Context()), "river_queue")
	b.exec(t, `ALTER TABLE herald.away RENAME TO river_queue`)
	ctx, stop := context.WithCancel(t.Context())
	require.NoError(t, b.jobs.Start(ctx))
	ended := make(chan error, 1)
	go func() { ended <- b.jobs.Run(ctx) }()
	require.Eventually(t, func() bool {
		return scan[int](t, b, "SELECT count(*) FROM herald.river_job WHERE kind = 'sweep' AND state = 'completed'") > 0
	}, waitTimeout, waitTick)
	stop()
	require.NoError(t, <-ended)
}

// A start that is told to end leaves nothing running.
func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.jobs.Start(ctx), context.Canceled)
}
