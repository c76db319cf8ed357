package pass

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Holder keeps an event for later as a job.
type Holder interface {
	// Hold makes a job that delivers row at due, for a reason that the event's story shows. It returns the job's
	// number.
	Hold(ctx context.Context, tx pgx.Tx, row *outbox.Row, due time.Time, reason string) (job int64, err error)
	// Move makes the job deliver row instead, at due if its own time is later. It returns false where the job is being
	// worked or has been worked.
	Move(ctx context.Context, tx pgx.Tx, job int64, row *outbox.Row, due time.Time) (moved bool, err error)
}

// Pace limits how often events of one type are relayed: once in an interval. The latest event that comes within the
// interval is held until the interval is over. It takes the place of the others, which are recorded as dropped. They
// are left out before the log numbers them, so the group's sequence has no holes.
type Pace struct {
	Interval time.Duration
	Holder   Holder

	superseded []superseded
}

// superseded is an event whose place a newer one has taken.
type superseded struct {
	outbox.Ref

	by *outbox.Row
}

// Limit returns those of rows that are relayed now. The rows are in the outbox's order. The pass's transaction keeps
// or drops the others.
func (d *Pass) Limit(ctx context.Context, p Pace, rows []*outbox.Row) ([]*outbox.Row, error) {
	newest := make(map[event.Type]*outbox.Row)
	var types []string // in the order of their first event
	for _, row := range rows {
		if before, ok := newest[row.Type]; ok {
			p.supersede(before.Ref(), row)
		} else {
			types = append(types, string(row.Type))
		}
		newest[row.Type] = row
	}
	tx, err := d.Tx(ctx)
	if err != nil {
		return nil, err
	}
	q := dbsqlc.New(tx)
	read, err := q.PaceRead(ctx, types)
	if err != nil {
		return nil, fmt.Errorf("reading how often events were relayed: %w", err)
	}
	steps := make(map[event.Type]*dbsqlc.PaceReadRow, len(read))
	for i := range read {
		notAhead(&read[i], p.Interval)
		steps[event.Type(read[i].EventType)] = &read[i]
	}
	var now []*outbox.Row
	var relayed []string
	for _, t := range types {
		row := newest[event.Type(t)]
		if step := steps[row.Type]; step != nil &&
			(step.HeldEventID.Valid || step.Now.Before(step.RelayedAt.Add(p.Interval))) {
			if err := p.hold(ctx, tx, q, step, row); err != nil {
				return nil, fmt.Errorf("holding event %s: %w", row.ID, err)
			}
			continue
		}
		now, relayed = append(now, row), append(relayed, t)
	}
	if len(relayed) > 0 {
		if err := q.PaceRelayed(ctx, relayed); err != nil {
			return nil, fmt.Errorf("noting when events were relayed: %w", err)
		}
	}
	return now, p.drop(ctx, q)
}

// notAhead bounds times that lie in the future, because the database's clock has been set back since, to an interval
// from now.
func notAhead(step *dbsqlc.PaceReadRow, interval time.Duration) {
	if step.RelayedAt.After(step.Now) {
		step.RelayedAt = step.Now
	}
	if latest := step.Now.Add(interval); step.DueAt != nil && step.DueAt.After(latest) {
		step.DueAt = &latest
	}
}

func (p *Pace) supersede(ref outbox.Ref, by *outbox.Row) {
	p.superseded = append(p.superseded, superseded{ref, by})
}

// hold keeps row until the interval is over, in the place of the row that is held already. Where that row is just
// being delivered, the next interval begins with its delivery.
func (p *Pace) hold(ctx context.Context, tx pgx.Tx, q *dbsqlc.Queries, step *dbsqlc.PaceReadRow,
	row *outbox.Row,
) error {
	due := step.RelayedAt.Add(p.Interval)
	var job int64
	moved := false
	if step.HeldEventID.Valid {
		due, job = *step.DueAt, *step.JobID
		var err error
		if moved, err = p.Holder.Move(ctx, tx, job, row, due); err != nil {
			return err
		}
		if moved {
			p.supersede(outbox.Ref{EventID: step.HeldEventID.UUID, Seq: *step.HeldSeq, WrittenAt: *step.HeldWrittenAt}, row)
		} else {
			due = due.Add(p.Interval)
		}
	}
	if !moved {
		var err error
		reason := fmt.Sprintf("held until %s, unless a later one takes its place: one %s is relayed in %s",
			due.UTC().Format(time.RFC3339), row.Type, p.Interval)
		if job, err = p.Holder.Hold(ctx, tx, row, due, reason); err != nil {
			return err
		}
	}
	return q.PaceHeld(ctx, dbsqlc.PaceHeldParams{
		EventType: string(row.Type), RelayedAt: step.RelayedAt, HeldEventID: uuid.NullUUID{UUID: row.ID, Valid: true},
		HeldSeq: &row.Seq, HeldWrittenAt: &row.WrittenAt, JobID: &job, DueAt: &due,
	})
}

// drop records that the superseded events were dropped.
func (p *Pace) drop(ctx context.Context, q *dbsqlc.Queries) error {
	if len(p.superseded) == 0 {
		return nil
	}
	var params dbsqlc.SupersededInsertParams
	seen := make(map[uuid.UUID]bool, len(p.superseded))
	for _, s := range p.superseded {
		if seen[s.EventID] || s.EventID == s.by.ID { // published twice
			continue
		}
		seen[s.EventID] = true
		params.EventIds = append(params.EventIds, s.EventID)
		params.OutboxSeqs = append(params.OutboxSeqs, s.Seq)
		params.WrittenAts = append(params.WrittenAts, s.WrittenAt)
		params.Reasons = append(params.Reasons,
			fmt.Sprintf("a later %s, event %s, came within %s and took its place", s.by.Type, s.by.ID, p.Interval))
	}
	if err := q.SupersededInsert(ctx, params); err != nil {
		return fmt.Errorf("recording %d events whose place others have taken: %w", len(params.EventIds), err)
	}
	return nil
}

// PrunePace deletes the steps that newer steps have replaced, except for a few.
func PrunePace(ctx context.Context, db dbsqlc.DBTX) error {
	if _, err := dbsqlc.New(db).PacePrune(ctx); err != nil {
		return fmt.Errorf("pruning what is known of how often events were relayed: %w", err)
	}
	return nil
}
