package jobs

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/retention"
)

// nineDaysPass makes everything older, and drops what is then older than the retention.
func (b *bundle) nineDaysPass(t *testing.T) {
	t.Helper()
	b.exec(t, "SELECT herald.ensure_partition(p, (now() AT TIME ZONE 'UTC')::date - d) FROM unnest('{outbox,event_log}'::text[]) p, generate_series(8, 10) d")
	// Past the checks: a row is inserted where it moves to.
	require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), "UPDATE herald.outbox SET written_at = written_at - interval '9 days'")
		return err
	}))
	b.exec(t, "UPDATE herald.dead_letter SET outbox_written_at = outbox_written_at - interval '9 days'")
	b.exec(t, `UPDATE herald.river_job SET args = jsonb_set(args, '{outbox_written_at}', to_jsonb((args->>'outbox_written_at')::timestamptz - interval '9 days'))
		WHERE args ? 'outbox_written_at'`)
	b.retire(t)
	require.Zero(t,
		scan[int](t, b,
			"SELECT count(*) FROM unnest('{outbox,event_log}'::text[]) p, herald.partition_days(p) d WHERE d < current_date - 7"))
}

func (b *bundle) retire(t *testing.T) {
	t.Helper()
	worker := &retentionWorker{retention: retention.New(b.pool, retention.Config{Logger: slog.New(slog.DiscardHandler)})}
	require.NoError(t, worker.Work(t.Context(), &river.Job[retentionArgs]{}))
}

func TestScheduledEventOutlivesItsDay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := time.Now().AddDate(1, 0, 0)
	id := b.cart(t, uuid.New(), &due)
	b.cart(t, uuid.New(), nil)
	b.sweep(t)
	b.nineDaysPass(t)
	require.Equal(t, 1, scan[int](t, b, "SELECT count(*) FROM herald.outbox"), "the other one has gone with its day")
	job := b.waiting(t, "deliver_scheduled")[0]
	b.makeDue(t, job)
	require.NoError(t, b.deliverScheduled(t, job))
	require.Equal(t, "relayed", b.status(t, id).Status)
	entries, _, err := eventlog.NewReader(b.pool).ReadFrom(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Equal(t, id, entries[len(entries)-1].ID, "and every node reads it")
	b.retire(t)
	require.Equal(t, 1, scan[int](t, b, "SELECT count(*) FROM herald.outbox WHERE event_id = $1", id),
		"while it is in the log it has its row")
}

func TestDeadLetterOutlivesItsDay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	id := b.bury(t)
	b.nineDaysPass(t)
	require.Equal(t, []uuid.UUID{id}, listed(t, d, nil, 10))
	b.exec(t, "UPDATE herald.outbox SET event_type = 'OrderPlaced' WHERE event_id = $1", id)
	require.NoError(t, d.Retry(t.Context(), id, "ops"))
	b.nineDaysPass(t) // as a job it outlives its day, too
	require.NoError(t, b.retryEvent(t, b.waiting(t, "retry_event")[0], 1))
	require.Equal(t, "relayed", b.status(t, id).Status)
}

// A day of the log has more to keep than a job usually has time for, and two runs at once do not help.
func TestRetentionHasTimeUntilTheNextOne(t *testing.T) {
	t.Parallel()
	timeout := (&retentionWorker{}).Timeout(nil)
	require.Greater(t, timeout, jobTimeout)
	require.Less(t, timeout, retentionInterval)
}
