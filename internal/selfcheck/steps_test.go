package selfcheck_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/selfcheck"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// These are databases whose clock was set, wrongly and back, while Herald worked: newer rows have older times, or
// times that have not come yet.

func (b *audited) agrees(t *testing.T) {
	t.Helper()
	require.Empty(t, b.full(t).Found)
	require.Empty(t, b.run(t))
}

func TestAJournalIsPrunedInItsOrder(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{"a day back and more": "-3 days", "five days ahead": "5 days"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAudit(t)
			b.Exec(t, "UPDATE herald.broadcast_journal SET broadcast_at = now()")
			b.Exec(t, "UPDATE herald.broadcast_journal SET broadcast_at = now() + $1::interval WHERE number = 2", at)
			nodes := nodes.New(b.Pool, fixture.NodeID)
			require.NoError(t, nodes.PruneJournal(t.Context()))
			b.agrees(t)
			require.Equal(t, 3,
				fixture.Scan[int](t, b.Pool,
					"SELECT count(*) FROM herald.broadcast_journal WHERE broadcast_at <= clock_timestamp()"))

			// With the rows before it, it goes.
			b.Exec(t, "UPDATE herald.broadcast_journal SET broadcast_at = broadcast_at - interval '3 days' WHERE number < 3")
			require.NoError(t, nodes.PruneJournal(t.Context()))
			require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.broadcast_journal"))
			b.agrees(t)
		})
	}
}

// The log's oldest entry was relayed in a future from which the clock has been set back: it makes nothing else old.
func TestAnEntryFromTheFuturePrunesNoJournal(t *testing.T) {
	t.Parallel()
	b := setupAudit(t)
	for _, table := range []string{"event_log", "relayed_event"} {
		b.Exec(t, "UPDATE herald."+table+" SET relayed_at = relayed_at + interval '5 days' WHERE event_id = $1", b.order)
	}
	require.NoError(t, nodes.New(b.Pool, fixture.NodeID).PruneJournal(t.Context()))
	require.Equal(t, 3, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.broadcast_journal"))
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.duplicate_event"))
	b.agrees(t)
}

// The last heartbeat of a node that is gone lies in the future: the audit does not wait for the node to catch up.
func TestANodeFromTheFutureIsNotBehind(t *testing.T) {
	t.Parallel()
	b := setupAudit(t)
	gone := uuid.New()
	require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, gone, &nodes.Journal{}))
	b.alive(t)
	b.Exec(t, "UPDATE herald.node SET heartbeat_at = heartbeat_at + interval '5 days' WHERE node_id = $1", gone)
	full, err := b.auditor.Full(t.Context(), func(string, int64, int64) {})
	require.NoError(t, err)
	require.Empty(t, full.Found)
	for range 4 {
		require.NoError(t, b.auditor.Run(t.Context()))
	}
	found, err := selfcheck.Discrepancies(t.Context(), b.Pool, time.Hour, 10)
	require.NoError(t, err)
	require.Empty(t, found)
}

// A replica that lagged was promoted while its clock was wrong. Whatever time it gives for that, the database has
// lost the rows that a journal lacks.
func TestAnEpochThatBeganAtAWrongTimeExcusesAJournal(t *testing.T) {
	t.Parallel()
	for _, began := range []string{"5 days", "-5 days"} {
		t.Run(began, func(t *testing.T) {
			t.Parallel()
			b := setupAudit(t)
			b.agrees(t)
			b.Exec(t, `INSERT INTO herald.epoch (epoch, system_identifier, timeline, first_position, last_seq, began_at)
				SELECT e.epoch + 1, e.system_identifier, e.timeline, s.position + 1, herald.last_seq(), now() + $1::interval FROM herald.epoch e, herald.relay_state s`, began)
			b.Exec(t, `INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, epoch_position, epoch_seq)
				SELECT s.version + 1, s.epoch + 1, s.position, s.snapshot, s.floor, s.stragglers, s.position, 0 FROM herald.relay_state s`)
			// Looked at before; behind it there is a gap.
			b.Exec(t, "UPDATE herald.broadcast_journal SET number = 7 WHERE number = 3")
			b.journal.Record(15, []int32{1})
			b.Exec(t, `INSERT INTO herald.broadcast_journal (node_id, number, host, first_position, last_position) VALUES ($1, 9, 'h', 15, 15)`, fixture.NodeID)
			b.Exec(t, "UPDATE herald.node SET broadcast_position = 15")
			b.Exec(t, "UPDATE herald.selfcheck_state SET nodes = jsonb_set(nodes, ARRAY[$1::text, 'number'], '7')",
				fixture.NodeID)
			require.Empty(t, b.run(t), "the epoch is new")
			require.Empty(t, b.run(t))
			b.Exec(t, `INSERT INTO herald.broadcast_journal (node_id, number, host, first_position, last_position) VALUES ($1, 11, 'h', 16, 16)`, fixture.NodeID)
			b.Exec(t, "UPDATE herald.node SET broadcast_position = 16")
			require.Len(t, b.run(t), 1, "once")
		})
	}
}

// For a day the clock was set back by twenty days: that day of the log lies between days that are kept, and is
// needed with them.
func TestADayThatLiesBetweenOthersStaysWithThem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := []uuid.UUID{b.Relayed(t, fixture.Order()), b.Relayed(t, fixture.Order()), b.Relayed(t, fixture.Order())}
	back := func(id uuid.UUID, days int) {
		b.Exec(t, `SELECT herald.ensure_partition(p, (now() AT TIME ZONE 'UTC')::date - $1::int) FROM unnest('{outbox,event_log}'::text[]) p`, days)
		b.Exec(t, "UPDATE herald.outbox SET written_at = written_at - make_interval(days => $2) WHERE event_id = $1", id,
			days)
		b.Exec(t, `UPDATE herald.event_log SET relayed_at = relayed_at - make_interval(days => $2),
			outbox_written_at = outbox_written_at - make_interval(days => $2) WHERE event_id = $1`, id, days)
		b.Exec(t, "UPDATE herald.relayed_event SET relayed_at = relayed_at - make_interval(days => $2) WHERE event_id = $1",
			id, days)
	}
	back(ids[1], 20)
	require.Equal(t, retention.Retired{Kept: 2}, b.Retire(t))
	auditor := selfcheck.New(b.Pool, nil)
	full, err := auditor.Full(t.Context(), func(string, int64, int64) {})
	require.NoError(t, err)
	require.Empty(t, full.Found, "the log has no hole")
	require.Equal(t, "relayed", b.Status(t, ids[1])[0].Status)
	inOutbox, inLog := b.Rows(t, ids[1])
	require.Equal(t, "1 2", fmt.Sprint(inOutbox, inLog))
	require.Equal(t, 1,
		fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.relayed_event WHERE event_id = $1", ids[1]),
		"its id is known")

	back(ids[0], 20) // as old as the day in between: nothing that is kept lies before it
	require.Equal(t, 0, b.Retire(t).Kept)
	require.True(t, b.Gone(t, ids[1]))
	full, err = auditor.Full(t.Context(), func(string, int64, int64) {})
	require.NoError(t, err)
	require.Empty(t, full.Found)
}

// The clock was set forward to a day that has no partition, so rows went to the default one. The day's partition is
// made while an audit waits for it: in its snapshot the rows are in neither.
func TestAuditWhileADayIsMade(t *testing.T) {
	t.Parallel()
	for name, audit := range map[string]func(ctx context.Context, a *selfcheck.Checker) ([]selfcheck.Discrepancy, error){
		"continuous": func(ctx context.Context, a *selfcheck.Checker) ([]selfcheck.Discrepancy, error) {
			return nil, a.Run(ctx)
		},
		"full": func(ctx context.Context, a *selfcheck.Checker) ([]selfcheck.Discrepancy, error) {
			full, err := a.Full(ctx, func(string, int64, int64) {})
			return full.Found, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Relayed(t, fixture.Cart(fixture.Columns{"written_at": time.Now().AddDate(0, 0, 10)}))
			tx := b.Begin(t)
			_, err := tx.Exec(t.Context(), "LOCK TABLE herald.outbox_default IN ACCESS EXCLUSIVE MODE")
			require.NoError(t, err)
			type result struct {
				found []selfcheck.Discrepancy
				err   error
			}
			done := make(chan result, 1)
			go func() {
				found, err := audit(t.Context(), selfcheck.New(b.Pool, slog.New(slog.DiscardHandler)))
				done <- result{found, err}
			}()
			require.Eventually(t, func() bool {
				return fixture.Scan[bool](t, b.Pool,
					"SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT l.granted AND d.datname = current_database())")
			}, time.Minute, 5*time.Millisecond, "the audit waits")
			_, err = tx.Exec(t.Context(),
				"SELECT herald.ensure_partition('outbox', (written_at AT TIME ZONE 'UTC')::date) FROM herald.outbox")
			require.NoError(t, err)
			require.NoError(t, tx.Commit(t.Context()))
			r := <-done
			require.NoError(t, r.err)
			require.Empty(t, r.found)
			require.Zero(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.selfcheck_discrepancy"))
		})
	}
}
