package jobs

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertest"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

var (
	nodeID = uuid.MustParse("5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01")
	cartID = uuid.MustParse("0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11")
)

// bundle is a test's database with a relay on it. Jobs are worked by calling the workers, so that nothing waits for
// River's clock.
type bundle struct {
	pool  *pgxpool.Pool
	relay *relay.Relay
	jobs  *Jobs

	interval time.Duration // of the statistics
}

func setup(t *testing.T) *bundle {
	t.Helper()
	pool := pgtest.New(t).Pool(t)
	setAside, err := NewSetAside(pool)
	require.NoError(t, err)
	logger := slog.New(slog.DiscardHandler)
	r, err := relay.New(relay.Config{
		NodeID: nodeID, SetAside: setAside, Relayed: func(int64, []event.Logged) {}, Logger: logger,
		Connect: func(context.Context) (*pgx.Conn, error) { return nil, context.Canceled }, // Sweep brings its own
	})
	require.NoError(t, err)
	jobs, err := New(Config{Pool: pool, Sweeper: r, NodeID: nodeID, Logger: logger})
	require.NoError(t, err)
	return &bundle{pool: pool, relay: r, jobs: jobs}
}

func (b *bundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func scan[T any](t *testing.T, b *bundle, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, b.pool.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// cart publishes an event that is due at the given time.
func (b *bundle) cart(t *testing.T, id uuid.UUID, due *time.Time) uuid.UUID {
	t.Helper()
	return scan[uuid.UUID](t, b,
		"SELECT herald.publish_teamcart_event('CartUpdated', $1, event_id => $2, deliver_after => $3)", cartID, id, due)
}

// newer publishes an event as a newer release would, of a type that this release does not know.
func (b *bundle) newer(t *testing.T, due *time.Time) uuid.UUID {
	t.Helper()
	return b.past(t, "OrderSplit", `{"orderNumber": "YZ-1", "status": "Split"}`, due)
}

// past writes an order's event past the checks of the outbox.
func (b *bundle) past(t *testing.T, eventType, payload string, due *time.Time) (id uuid.UUID) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		return tx.QueryRow(t.Context(),
			`INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload, deliver_after)
			VALUES ($1, gen_random_uuid(), gen_random_uuid(), 'user-1', $2, $3) RETURNING event_id`, eventType, payload,
			due).Scan(&id)
	}))
	return id
}

func (b *bundle) sweep(t *testing.T) {
	t.Helper()
	worker := &sweepWorker{pool: b.pool, sweeper: b.relay, logger: slog.New(slog.DiscardHandler)}
	require.NoError(t, worker.Work(t.Context(), &river.Job[sweepArgs]{}))
}

// status is the status of the event's first place.
func (b *bundle) status(t *testing.T, id uuid.UUID) outbox.Whereabouts {
	t.Helper()
	found, err := outbox.Trace(t.Context(), b.pool, id)
	require.NoError(t, err)
	return found[0]
}

// waiting lists the jobs of a kind that have not been worked.
func (b *bundle) waiting(t *testing.T, kind string) []int64 {
	t.Helper()
	rows, err := b.pool.Query(t.Context(),
		`SELECT id FROM herald.river_job WHERE kind = $1 AND state IN ('available', 'scheduled', 'retryable', 'running')
		ORDER BY id`, kind)
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	return ids
}

func (b *bundle) state(t *testing.T, jobID int64) string {
	t.Helper()
	return scan[string](t, b, "SELECT state FROM herald.river_job WHERE id = $1", jobID)
}

// work gives a job to worker as River would for its attempt.
func work[T river.JobArgs](t *testing.T, b *bundle, worker river.Worker[T], jobID int64, attempt int) error {
	t.Helper()
	return worker.Work(rivertest.WorkContext(t.Context(), b.jobs.client), claim[T](t, b, jobID, attempt))
}

// claim takes a job as River would for its attempt.
func claim[T river.JobArgs](t *testing.T, b *bundle, jobID int64, attempt int) *river.Job[T] {
	t.Helper()
	b.exec(t, "UPDATE herald.river_job SET state = 'running', attempt = $2 WHERE id = $1", jobID, attempt)
	row, err := b.jobs.client.JobGet(t.Context(), jobID)
	require.NoError(t, err)
	job := &river.Job[T]{JobRow: row}
	require.NoError(t, json.Unmarshal(row.EncodedArgs, &job.Args))
	return job
}

func (b *bundle) deliverScheduled(t *testing.T, jobID int64) error {
	t.Helper()
	return work(t, b, &deliverScheduledWorker{pool: b.pool, nodeID: nodeID}, jobID, 1)
}

func (b *bundle) retryEvent(t *testing.T, jobID int64, attempt int) error {
	t.Helper()
	return work(t, b, &retryEventWorker{pool: b.pool, nodeID: nodeID}, jobID, attempt)
}

// makeDue lets the time of a scheduled job come.
func (b *bundle) makeDue(t *testing.T, jobID int64) {
	t.Helper()
	b.exec(t, "UPDATE herald.river_job SET args = jsonb_set(args, '{deliver_after}', to_jsonb(now())) WHERE id = $1",
		jobID)
}
