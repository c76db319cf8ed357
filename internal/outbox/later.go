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

// AppendLater gives events that were set aside their places in the log, within tx, behind everything that has been relayed and in the
// order of refs. An event whose id is in the log already is a success without an entry. It fails with [ErrRowGone], [ErrPaused] or an
// event.UndeliverableError. It returns the events that name another customer than their order's.
func AppendLater(ctx context.Context, tx pgx.Tx, refs []Ref, relayedBy uuid.UUID) ([]Contested, error) {
	state, rows, err := lockRows(ctx, tx, refs)
	if err != nil {
		return nil, err
	}
	entries := NewEntries(len(rows))
	seen := make(map[uuid.UUID]bool, len(rows))
	batch := &pgx.Batch{}
	for i := range rows {
		row := &rows[i]
		if row.Duplicate || seen[row.ID] {
			entries.Duplicate(row)
			continue
		}
		groups, err := row.Targets()
		if err != nil {
			return nil, err
		}
		seen[row.ID] = true
		entries.Add(row, groups)
		if groups[0] == event.Analytics {
			batch.Queue(dbsqlc.PaceDelivered, row.ID, string(row.Type))
		}
	}
	entries.doubtful(state.EpochSeq)
	entries.queue(batch, nil, state.Position, relayedBy)
	if entries.Len() > 0 {
		position := state.Position + int64(entries.Len())
		batch.Queue(dbsqlc.StatePosition, position)
		batch.Queue(dbsqlc.RelayedNotify, position)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("appending %d events to the log: %w", len(rows), err)
	}
	return entries.Contested(), nil
}

// Deliverable says whether AppendLater could deliver an event, without waiting for the relay's lock: it fails as AppendLater would.
func Deliverable(ctx context.Context, db Batcher, ref Ref) error {
	row, err := readRow(ctx, db, ref)
	switch {
	case err != nil:
		return err
	case row.Duplicate:
		return nil
	}
	_, err = row.Targets()
	return err
}

// queueRows adds the statement that reads rows by their places.
func queueRows(batch *pgx.Batch, refs []Ref, rows *[]Row) {
	seqs, writtenAts := make([]int64, len(refs)), make([]time.Time, len(refs))
	for i, ref := range refs {
		seqs[i], writtenAts[i] = ref.Seq, ref.WrittenAt
	}
	batch.Queue(dbsqlc.OutboxRows, seqs, writtenAts).Query(func(found pgx.Rows) (err error) {
		var bytes int64 // a hundred rows at most
		*rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (Row, error) { return scanRow(row, &bytes) })
		return err //nolint:wrapcheck // wrapped once, by the batch's reader
	})
}

// lockRows waits for the lock and returns the state as its last holder has left it, and the rows: one round trip, for whoever waits
// behind waits for each of them. It fails with [ErrPaused] and [ErrRowGone].
func lockRows(ctx context.Context, tx pgx.Tx, refs []Ref) (state dbsqlc.StateReadRow, rows []Row, err error) {
	batch := newLogBatch()
	batch.Queue(dbsqlc.StateLockWait)
	batch.Queue(dbsqlc.StateRead).QueryRow(func(r pgx.Row) error { return r.Scan(&state.Position, &state.EpochSeq, &state.Paused) })
	queueRows(batch, refs, &rows)
	err = tx.SendBatch(ctx, batch).Close()
	switch {
	case state.Paused:
		return state, nil, ErrPaused
	case err != nil:
		return state, nil, fmt.Errorf("reading %d events under the relay's lock: %w", len(refs), err)
	case len(rows) < len(refs):
		return state, nil, ErrRowGone
	default:
		return state, rows, nil
	}
}

// Bury records that an event is not tried again, and why.
func Bury(ctx context.Context, tx pgx.Tx, ref Ref, reason error, attempts int) error {
	err := dbsqlc.New(tx).DeadLetterInsert(ctx, dbsqlc.DeadLetterInsertParams{
		EventIds: []uuid.UUID{ref.EventID}, OutboxSeqs: []int64{ref.Seq}, WrittenAts: []time.Time{ref.WrittenAt},
		Reasons: []string{shortReason(reason.Error())}, Attempts: int32(attempts), //nolint:gosec // a few dozen at most
	})
	if err != nil {
		return fmt.Errorf("recording dead letter %s: %w", ref.EventID, err)
	}
	return nil
}
