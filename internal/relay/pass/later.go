package pass

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// AppendLater gives events that were set aside their places in the log, within tx, behind everything that has been
// relayed and in the order of refs. An event whose id is in the log already is a success without an entry. It fails
// with [outbox.ErrRowGone], [ErrPaused] or an event.UndeliverableError. It returns the events that name another
// customer than their order's.
func AppendLater(ctx context.Context, tx pgx.Tx, refs []outbox.Ref, relayedBy uuid.UUID) ([]Contested, error) {
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

// lockRows waits for the lock, and returns the rows and the state as the lock's last holder has left it. It takes
// one round trip, because every relay and job in the line behind waits for each round trip. It fails with
// [ErrPaused] and [outbox.ErrRowGone].
func lockRows(ctx context.Context, tx pgx.Tx,
	refs []outbox.Ref,
) (state dbsqlc.StateReadRow, rows []outbox.Row, err error) {
	batch := outbox.NewReadBatch()
	batch.Queue(dbsqlc.StateLockWait)
	batch.Queue(dbsqlc.StateRead).QueryRow(
		func(r pgx.Row) error { return r.Scan(&state.Position, &state.EpochSeq, &state.Paused) })
	outbox.QueueRows(batch, refs, &rows)
	err = tx.SendBatch(ctx, batch).Close()
	switch {
	case state.Paused:
		return state, nil, ErrPaused
	case err != nil:
		return state, nil, fmt.Errorf("reading %d events under the relay's lock: %w", len(refs), err)
	case len(rows) < len(refs):
		return state, nil, outbox.ErrRowGone
	default:
		return state, rows, nil
	}
}
