package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox/dbsqlc"
)

// ErrRowGone is returned for an outbox row that retention has dropped.
var ErrRowGone = errors.New("the event is older than the retention")

// Ref is the place of an outbox row that is delivered later than the rows around it.
type Ref struct {
	EventID   uuid.UUID `json:"event_id"`
	Seq       int64     `json:"outbox_seq"`
	WrittenAt time.Time `json:"outbox_written_at"`
}

// Ref returns the row's place.
func (r *Row) Ref() Ref { return Ref{EventID: r.ID, Seq: r.Seq, WrittenAt: r.WrittenAt} }

// AppendLater gives one set-aside event its place in the log, within tx, behind everything that has been relayed. An event whose
// id is in the log already is a success without an entry. It fails with [ErrRowGone], [ErrPaused] or an event.UndeliverableError.
func AppendLater(ctx context.Context, tx pgx.Tx, ref Ref, relayedBy uuid.UUID) error {
	q := dbsqlc.New(tx)
	state, row, err := lockRow(ctx, tx, ref)
	if err != nil {
		return err
	}
	if row.Duplicate {
		if err := q.DuplicateEventInsert(ctx, dbsqlc.DuplicateEventInsertParams{
			EventIds: []uuid.UUID{row.ID}, OutboxSeqs: []int64{row.Seq}, WrittenAts: []time.Time{row.WrittenAt},
		}); err != nil {
			return fmt.Errorf("recording that event %s is a duplicate: %w", ref.EventID, err)
		}
		return nil
	}
	groups, err := row.Groups()
	if err != nil {
		return err
	}
	entries := NewEntries(1)
	entries.Add(&row, groups)
	batch := &pgx.Batch{}
	entries.doubtful(state.EpochSeq)
	entries.queue(batch, nil, state.Position, relayedBy)
	position := state.Position + int64(entries.Len())
	if groups[0] == event.Analytics {
		batch.Queue(dbsqlc.PaceDelivered, row.ID, string(row.Type))
	}
	batch.Queue(dbsqlc.StatePosition, position)
	batch.Queue(dbsqlc.RelayedNotify, position)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("appending event %s to the log: %w", ref.EventID, err)
	}
	return nil
}

// lockRow waits for the lock and returns the state as its last holder has left it, and the row: one round trip, for whoever waits behind
// waits for each of them. It fails with [ErrPaused] and [ErrRowGone].
func lockRow(ctx context.Context, tx pgx.Tx, ref Ref) (state dbsqlc.StateReadRow, row Row, err error) {
	batch := &pgx.Batch{}
	batch.Queue(dbsqlc.LogPlan)
	batch.Queue(dbsqlc.StateLockWait)
	batch.Queue(dbsqlc.StateRead).QueryRow(func(r pgx.Row) error { return r.Scan(&state.Position, &state.EpochSeq, &state.Paused) })
	batch.Queue(dbsqlc.OutboxRow, ref.Seq, ref.WrittenAt).Query(func(rows pgx.Rows) error {
		var err error
		row, err = pgx.CollectExactlyOneRow(rows, scanRow)
		return err //nolint:wrapcheck // wrapped once, by the batch's reader
	})
	err = tx.SendBatch(ctx, batch).Close()
	switch {
	case state.Paused:
		return state, row, ErrPaused
	case errors.Is(err, pgx.ErrNoRows):
		return state, row, ErrRowGone
	case err != nil:
		return state, row, fmt.Errorf("reading event %s under the relay's lock: %w", ref.EventID, err)
	default:
		return state, row, nil
	}
}

// Bury records that an event is not tried again, and why.
func Bury(ctx context.Context, tx pgx.Tx, ref Ref, reason error, attempts int) error {
	err := dbsqlc.New(tx).DeadLetterInsert(ctx, dbsqlc.DeadLetterInsertParams{
		EventID: ref.EventID, OutboxSeq: ref.Seq, OutboxWrittenAt: ref.WrittenAt, Reason: reason.Error(), Attempts: int32(attempts), //nolint:gosec // a few dozen at most
	})
	if err != nil {
		return fmt.Errorf("recording dead letter %s: %w", ref.EventID, err)
	}
	return nil
}
