package selfcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// DiscrepancyKind says what does not agree.
type DiscrepancyKind string

// The kinds of discrepancies that the self-check looks for.
const (
	LogPositionMissing  DiscrepancyKind = "log_position_missing"
	LogPositionRepeated DiscrepancyKind = "log_position_repeated"
	LogPositionBeyond   DiscrepancyKind = "log_position_beyond"
	SequenceBroken      DiscrepancyKind = "sequence_broken"
	OutboxRowMissing    DiscrepancyKind = "outbox_row_missing"
	EventNotMarked      DiscrepancyKind = "event_not_marked"
	EventNotInLog       DiscrepancyKind = "event_not_in_log"
	EventLost           DiscrepancyKind = "event_lost"
	JournalGap          DiscrepancyKind = "journal_gap"
	JournalOverlap      DiscrepancyKind = "journal_overlap"
	JournalEndWrong     DiscrepancyKind = "journal_end_wrong"
	NodeBehind          DiscrepancyKind = "node_behind"
)

// DiscrepancyKinds returns all kinds.
func DiscrepancyKinds() []DiscrepancyKind {
	return []DiscrepancyKind{
		LogPositionMissing, LogPositionRepeated, LogPositionBeyond, SequenceBroken, OutboxRowMissing, EventNotMarked,
		EventNotInLog,
		EventLost, JournalGap, JournalOverlap, JournalEndWrong, NodeBehind,
	}
}

// Advice is what an operator can do about a discrepancy of the kind.
func (k DiscrepancyKind) Advice() string {
	switch k {
	case LogPositionMissing, LogPositionRepeated, LogPositionBeyond, SequenceBroken:
		return "find out who wrote to herald.event_log beside Herald, or which failure PostgreSQL reports; clients that resume over this place get a gap and refetch their state"
	case OutboxRowMissing:
		return "rows of herald.outbox are needed for as long as the log points to them: restore the row, or let the clients of the group refetch their state"
	case EventNotMarked:
		return "restore the row of herald.relayed_event; until then publishing the same id again delivers it a second time"
	case EventNotInLog, EventLost:
		return "see herald trace; publish the event again under a new id"
	case JournalGap, JournalOverlap, JournalEndWrong:
		return "herald trace may tell less than was broadcast, or more; find out who wrote to herald.broadcast_journal beside Herald"
	case NodeBehind:
		return "see the node's log and its CPU; restart it if it does not catch up: its clients resume elsewhere"
	}
	return ""
}

// Discrepancy is something that was found not to agree.
type Discrepancy struct {
	Kind    DiscrepancyKind `json:"kind"`
	Subject string          `json:"subject"` // what it is about; each kind is reported once a subject
	Detail  string          `json:"detail"`
	FoundAt time.Time       `json:"foundAt,omitzero"`
	SeenAt  time.Time       `json:"seenAt,omitzero"`
}

func discrepanciesOf(encoded json.RawMessage) ([]Discrepancy, error) {
	var found []Discrepancy
	if err := json.Unmarshal(encoded, &found); err != nil {
		return nil, fmt.Errorf("reading what the audit found: %w", err)
	}
	return found, nil
}

// recordDiscrepancies records what was found, within tx, and returns what was not known before.
func recordDiscrepancies(ctx context.Context, tx pgx.Tx, found []Discrepancy) ([]Discrepancy, error) {
	if len(found) == 0 {
		return nil, nil
	}
	var fresh []Discrepancy
	more := map[DiscrepancyKind]int64{}
	batch := &pgx.Batch{}
	for _, d := range found {
		batch.Queue(dbsqlc.DiscrepancyInsert, d.Kind, d.Subject, d.Detail).QueryRow(func(row pgx.Row) error {
			var isNew bool
			err := row.Scan(&isNew)
			if isNew {
				fresh = append(fresh, d)
				more[d.Kind]++
			}
			return err //nolint:wrapcheck // wrapped once, below
		})
	}
	batch.Queue(dbsqlc.DiscrepancyPrune)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("recording what the audit found: %w", err)
	}
	q := dbsqlc.New(tx)
	for kind, n := range more {
		if err := q.DiscrepancyCount(ctx, dbsqlc.DiscrepancyCountParams{Kind: string(kind), More: n}); err != nil {
			return nil, fmt.Errorf("counting what the audit found: %w", err)
		}
	}
	return fresh, nil
}

// Discrepancies returns at most limit of the discrepancies that the continuous self-check has seen within that time,
// the latest first.
func Discrepancies(ctx context.Context, db dbsqlc.DBTX, within time.Duration, limit int) ([]Discrepancy, error) {
	rows, err := dbsqlc.New(db).DiscrepancyList(ctx, dbsqlc.DiscrepancyListParams{
		WithinSeconds: within.Seconds(), MaxRows: int32(limit), //nolint:gosec // bounded by the caller
	})
	if err != nil {
		return nil, fmt.Errorf("reading what the audit found: %w", err)
	}
	found := make([]Discrepancy, len(rows))
	for i, r := range rows {
		found[i] = Discrepancy{
			Kind: DiscrepancyKind(r.Kind), Subject: r.Subject, Detail: r.Detail, FoundAt: r.FoundAt,
			SeenAt: r.SeenAt,
		}
	}
	return found, nil
}
