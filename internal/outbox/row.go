package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Row is one row of the outbox that has not been relayed yet.
type Row struct {
	event.Event
	Seq          int64
	WrittenAt    time.Time
	DeliverAfter time.Time // zero: at once
	Duplicate    bool      // an event of this id is in the log already

	unfit   string             // what is wrong with a column, for any type of event
	written pgtype.Timestamptz // the row's value where that is no time and WrittenAt is zero
}

// Exactly is when the row was written, as the row has it, which may be no time in Go. With its seq it finds the row.
func (r *Row) Exactly() pgtype.Timestamptz {
	if r.written.Valid {
		return r.written
	}
	return pgtype.Timestamptz{Time: r.WrittenAt, Valid: true}
}

// Unreadable notes why only the row's place could be read.
func (r *Row) Unreadable(err error) { r.unfit = fmt.Sprintf("its row cannot be read: %v", err) }

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

// Deliverable reports whether AppendLater could deliver an event, without waiting for the relay's lock. It fails as
// AppendLater would.
func Deliverable(ctx context.Context, db postgres.Batcher, ref Ref) error {
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

// QueueRows adds the statement that reads rows by their places.
func QueueRows(batch *pgx.Batch, refs []Ref, rows *[]Row) {
	seqs, writtenAts := make([]int64, len(refs)), make([]time.Time, len(refs))
	for i, ref := range refs {
		seqs[i], writtenAts[i] = ref.Seq, ref.WrittenAt
	}
	batch.Queue(dbsqlc.OutboxRows, seqs, writtenAts).Query(func(found pgx.Rows) (err error) {
		var bytes int64 // a hundred rows at most
		*rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (Row, error) { return ScanRow(row, &bytes) })
		return err //nolint:wrapcheck // wrapped once, by the batch's reader
	})
}

// readRow reads one row by its place.
func readRow(ctx context.Context, db postgres.Batcher, ref Ref) (*Row, error) {
	var rows []Row
	batch := NewReadBatch()
	QueueRows(batch, []Ref{ref}, &rows)
	if err := db.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("reading event %s: %w", ref.EventID, err)
	}
	if len(rows) == 0 {
		return nil, ErrRowGone
	}
	return &rows[0], nil
}

// NewReadBatch returns a batch whose reads find everything by index, whatever the statistics say.
func NewReadBatch() *pgx.Batch {
	batch := &pgx.Batch{}
	batch.Queue(dbsqlc.LogPlan)
	return batch
}
