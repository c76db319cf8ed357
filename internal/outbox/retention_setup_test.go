package outbox_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

// retire runs the retention with its defaults, seven days.
func (b *bundle) retire(t *testing.T) outbox.Retired {
	t.Helper()
	done, err := b.retention().Run(t.Context())
	require.NoError(t, err)
	return done
}

func (b *bundle) retention() *outbox.Retention {
	return outbox.NewRetention(b.pool, outbox.RetentionConfig{Logger: slog.New(slog.DiscardHandler)})
}

// age lets days pass: all that is in the database becomes older by as much, and the days then have their partitions.
func (b *bundle) age(t *testing.T, days int) {
	t.Helper()
	b.exec(t, `SELECT herald.ensure_partition(p, d::date) FROM unnest('{outbox,event_log}'::text[]) p,
		(SELECT DISTINCT (o.written_at AT TIME ZONE 'UTC')::date - $1::int AS d FROM herald.outbox o
		UNION SELECT (l.relayed_at AT TIME ZONE 'UTC')::date - $1::int FROM herald.event_log l) old`, days)
	for _, older := range []string{
		"outbox SET written_at = written_at - $1::interval",
		"event_log SET relayed_at = relayed_at - $1::interval, outbox_written_at = outbox_written_at - $1::interval",
		"relayed_event SET relayed_at = relayed_at - $1::interval",
		"dead_letter SET outbox_written_at = outbox_written_at - $1::interval, died_at = died_at - $1::interval, dropped_at = dropped_at - $1::interval",
		"stream_head SET retired_at = retired_at - $1::interval",
		"access_grant SET written_at = written_at - $1::interval",
	} {
		tx := b.begin(t) // past the outbox's checks: a row that changes its partition is inserted there
		_, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica")
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "UPDATE herald."+older, time.Duration(days)*24*time.Hour)
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))
	}
	b.exec(t, `UPDATE herald.river_job SET args = jsonb_set(args, '{outbox_written_at}',
		to_jsonb((args->>'outbox_written_at')::timestamptz - make_interval(days => $1))) WHERE args ? 'outbox_written_at'`, days)
}

// relayed publishes and relays an event.
func (b *bundle) relayed(t *testing.T, row columns) uuid.UUID {
	t.Helper()
	id := b.insert(t, row)
	b.relay(t)
	return id
}

// days counts the partitions of a table that are older than the retention.
func (b *bundle) days(t *testing.T, table string) int {
	t.Helper()
	return scan[int](t, b.pool, "SELECT count(*) FROM herald.partition_days($1) d WHERE d < current_date - 7", table)
}

// rows counts what there is of an event in the outbox and in the log.
func (b *bundle) rows(t *testing.T, id uuid.UUID) (inOutbox, inLog int) {
	t.Helper()
	return scan[int](t, b.pool, "SELECT count(*) FROM herald.outbox WHERE event_id = $1", id),
		scan[int](t, b.pool, "SELECT count(*) FROM herald.event_log WHERE event_id = $1", id)
}

func (b *bundle) gone(t *testing.T, id uuid.UUID) bool {
	t.Helper()
	inOutbox, inLog := b.rows(t, id)
	return inOutbox == 0 && inLog == 0
}

// node says that a node is alive, or was so long ago, and has broadcast up to a position.
func (b *bundle) node(t *testing.T, position int64, silent time.Duration) {
	t.Helper()
	id := uuid.New()
	var journal outbox.Journal
	journal.Begin(position)
	_, err := outbox.NewNodes(b.pool, id).Heartbeat(t.Context(), "host", "v1", &journal, nil)
	require.NoError(t, err)
	b.exec(t, "UPDATE herald.node SET heartbeat_at = clock_timestamp() - make_interval(secs => $1) WHERE node_id = $2", silent.Seconds(), id)
}

func heartbeat(ctx context.Context, db outbox.Batcher, node uuid.UUID, j *outbox.Journal) error {
	for more := true; more; {
		var err error
		if more, err = outbox.NewNodes(db, node).Heartbeat(ctx, "kitchen-1", "v1", j, nil); err != nil {
			return err
		}
	}
	return nil
}

// home is the partition that holds an event's row.
func (b *bundle) home(t *testing.T, id uuid.UUID) string {
	t.Helper()
	return scan[string](t, b.pool, "SELECT c.relname FROM herald.outbox o JOIN pg_class c ON c.oid = o.tableoid WHERE o.event_id = $1", id)
}

// dropPartitions leaves the default partitions alone, as on a database that no node has looked after for long.
func (b *bundle) dropPartitions(t *testing.T) {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `SELECT inhrelid::regclass::text FROM pg_inherits
		WHERE inhparent IN ('herald.outbox'::regclass, 'herald.event_log'::regclass) AND inhrelid NOT IN ('herald.outbox_default'::regclass, 'herald.event_log_default'::regclass)`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, table := range tables {
		b.exec(t, "DROP TABLE "+table)
	}
}

func partition(day time.Time) string { return "outbox_p" + day.UTC().Format("20060102") }
