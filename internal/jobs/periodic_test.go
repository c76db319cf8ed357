package jobs

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/selfcheck"
)

const (
	waitTimeout = 30 * time.Second
	waitTick    = 20 * time.Millisecond
)

type sweeperFunc func(ctx context.Context, conn *pgx.Conn) (int, error)

func (f sweeperFunc) Sweep(ctx context.Context, conn *pgx.Conn) (int, error) { return f(ctx, conn) }

func TestSweepThatFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broken := errors.New("broken")
	worker := &sweepWorker{pool: b.pool, logger: slog.New(slog.DiscardHandler), sweeper: sweeperFunc(
		func(context.Context, *pgx.Conn) (int, error) { return 0, broken })}
	require.ErrorIs(t, worker.Work(t.Context(), &river.Job[sweepArgs]{}), broken)
	require.Zero(t, b.pool.Stat().AcquiredConns(), "the connection is back in the pool")
}

func TestPartitionsJobMakesTheDaysAhead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	worker := &partitionsWorker{pool: b.pool}
	for range 2 {
		require.NoError(t, worker.Work(t.Context(), &river.Job[partitionsArgs]{}))
		for _, table := range []string{"outbox", "event_log"} {
			require.Equal(t, daysAhead+1, scan[int](t, b, `SELECT count(*) FROM generate_series(0, $2::int) d
				WHERE to_regclass(format('herald.%s_p%s', $1::text, to_char((now() AT TIME ZONE 'UTC')::date + d, 'YYYYMMDD'))) IS NOT NULL`, table, daysAhead))
		}
	}
}

func TestHousekeepingTakesWhatIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	worker := &housekeepingWorker{
		pool: b.pool, nodes: nodes.New(b.pool, nodeID), stats: outbox.NewPublisher(b.pool),
		clock: b.jobs.cfg.Clock,
	}
	alive, gone := uuid.New(), uuid.New()
	for _, node := range []uuid.UUID{alive, gone} {
		var journal nodes.Journal
		journal.Begin(7)
		_, err := nodes.New(b.pool, node).Heartbeat(t.Context(), "host", "v1", &journal, map[string]int{"/hubs/admin": 2})
		require.NoError(t, err)
	}
	b.exec(t, "UPDATE herald.node SET heartbeat_at = now() - interval '61 seconds' WHERE node_id = $1", gone)
	b.exec(t, "UPDATE herald.broadcast_journal SET broadcast_at = now() - interval '3 days'")
	b.exec(t, `SELECT herald.set_platform_stats('{"totalUsers": 1, "activeUsers": 1}')`)
	b.exec(t, "UPDATE herald.platform_stats SET set_at = now() - interval '61 minutes'")
	b.exec(t, `SELECT herald.set_platform_stats('{"totalUsers": 2}')`)

	require.NoError(t, worker.Work(t.Context(), &river.Job[housekeepingArgs]{}))
	require.Equal(t, []uuid.UUID{alive}, scan[[]uuid.UUID](t, b, "SELECT array_agg(node_id) FROM herald.node"))
	require.Equal(t, []uuid.UUID{alive},
		scan[[]uuid.UUID](t, b, "SELECT array_agg(node_id) FROM herald.broadcast_journal"))
	connections, err := nodes.New(b.pool, nodeID).Connections(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{"/hubs/admin": 2}, connections)
	require.Equal(t, "activeUsers=1 totalUsers=2", scan[string](t, b,
		"SELECT string_agg(field || '=' || value, ' ' ORDER BY field) FROM herald.platform_stats"))
}

func TestAuditLooksAtWhatIsNew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cart(t, uuid.New(), nil)
	b.sweep(t)
	worker := &selfcheckWorker{checker: selfcheck.New(b.pool, slog.New(slog.DiscardHandler))}
	require.NoError(t, worker.Work(t.Context(), &river.Job[selfcheckArgs]{}))
	status, err := selfcheck.ReadStatus(t.Context(), b.pool)
	require.NoError(t, err)
	require.Equal(t, int64(1), status.Position)
}

func TestNewRequiresItsParts(t *testing.T) {
	t.Parallel()
	_, err := New(Config{})
	require.EqualError(t, err, "jobs: Pool, Sweeper and Logger are required")
}

// River itself at work: it sweeps, keeps and delivers by its own clock.
func TestRunDeliversWhatIsDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.jobs.Run(ctx) }()

	due := time.Now().Add(2 * time.Second)
	id := uuid.New()
	b.cart(t, id, &due)
	b.cart(t, id, &due)
	at := b.cart(t, uuid.New(), nil)
	require.Eventually(t, func() bool {
		return b.status(t, id).Status == "relayed" && len(b.waiting(t, "deliver_scheduled")) == 0
	}, waitTimeout, waitTick)
	require.Equal(t, "relayed", b.status(t, at).Status, "the sweep relays without being told")
	require.False(t, b.status(t, id).RelayedAt.Before(due), "not before its time")
	require.Equal(t, 2, scan[int](t, b, "SELECT count(*) FROM herald.event_log"), "once")

	stop()
	require.NoError(t, <-ended)
}
