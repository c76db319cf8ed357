package selfcheck

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

const (
	fullKept     = 1000 // discrepancies that a full check returns; further ones are counted
	keepUpLook   = 200 * time.Millisecond
	prunedWithin = 24 * time.Hour // so near the oldest entry retention may have dropped only some rows
)

// Report is what a full check looked at and found.
type Report struct {
	Oldest, Newest int64 // positions; the log is empty where Oldest is above Newest
	Rows           int64 // of the outbox
	Events         int64 // marked as relayed
	Nodes          int   // with a journal or alive
	Found          []Discrepancy
	More           int // found beyond those
}

func (f *Report) add(found []Discrepancy) {
	room := min(fullKept-len(f.Found), len(found))
	f.Found = append(f.Found, found[:room]...)
	f.More += len(found) - room
}

// Progress is called with how far a full check is with one of its parts.
type Progress func(part string, done, total int64)

// Full looks at all that is retained, chunk by chunk in bounded memory. Each chunk has a snapshot of its own, so no
// transaction is long. It records nothing.
func (c *Checker) Full(ctx context.Context, progress Progress) (*Report, error) {
	full := &Report{}
	for _, part := range []func(context.Context, *Report, Progress) error{
		c.fullLog, c.fullOutbox, c.fullMarks,
		c.fullNodes,
	} {
		if err := part(ctx, full, progress); err != nil {
			return nil, err
		}
	}
	return full, nil
}

// retained returns where the log begins, in the snapshot of q, and since when everything must be there.
func retained(ctx context.Context, q *dbsqlc.Queries) (dbsqlc.CheckLogBoundsRow, *time.Time, error) {
	bounds, err := q.CheckLogBounds(ctx)
	if err != nil {
		return bounds, nil, fmt.Errorf("looking for the ends of the log: %w", err)
	}
	if bounds.Oldest <= 1 {
		return bounds, nil, nil
	}
	since := bounds.OldestAt.Add(prunedWithin)
	return bounds, &since, nil
}

func (c *Checker) fullLog(ctx context.Context, full *Report, progress Progress) error {
	after := int64(0)
	for first, done := true, false; !done; first = false {
		var upTo int64
		found, err := c.confirmed(ctx, pgx.ReadOnly, func(tx pgx.Tx) ([]Discrepancy, error) {
			q := dbsqlc.New(tx)
			bounds, since, err := retained(ctx, q)
			if err != nil {
				return nil, err
			}
			if first {
				full.Oldest, full.Newest = bounds.Oldest, bounds.Newest
			}
			after = max(after, bounds.Oldest-1) // retention goes on meanwhile
			upTo = min(after+int64(c.chunk), full.Newest)
			return checkLog(ctx, q, after, upTo, since)
		}, nil)
		if err != nil {
			return err
		}
		full.add(found)
		after, done = upTo, upTo >= full.Newest
		progress("log", after-full.Oldest+1, full.Newest-full.Oldest+1)
	}
	return nil
}

func (c *Checker) fullOutbox(ctx context.Context, full *Report, progress Progress) error {
	var bounds dbsqlc.CheckOutboxBoundsRow
	after := int64(0)
	for first, done := true, false; !done; first = false {
		var rows dbsqlc.CheckOutboxAllRow
		found, err := c.confirmed(ctx, pgx.ReadOnly, func(tx pgx.Tx) ([]Discrepancy, error) {
			q := dbsqlc.New(tx)
			var err error
			if first {
				if bounds, err = q.CheckOutboxBounds(ctx); err != nil {
					return nil, fmt.Errorf("looking for the ends of the outbox: %w", err)
				}
			}
			_, since, err := retained(ctx, q)
			if err != nil {
				return nil, err
			}
			rows, err = q.CheckOutboxAll(ctx, dbsqlc.CheckOutboxAllParams{
				After: after, UpTo: bounds.Newest, Since: since, MaxRows: int32(c.chunk), //nolint:gosec // a constant
			})
			if err != nil {
				return nil, fmt.Errorf("looking at the outbox behind row %d: %w", after, err)
			}
			return discrepanciesOf(rows.Discrepancies)
		}, nil)
		if err != nil {
			return err
		}
		full.add(found)
		full.Rows += rows.LookedAt
		after, done = rows.LastSeq, rows.LookedAt < int64(c.chunk)
		progress("outbox", max(after-bounds.Oldest+1, 0), bounds.Newest-bounds.Oldest+1)
	}
	return nil
}

func (c *Checker) fullMarks(ctx context.Context, full *Report, progress Progress) error {
	after := uuid.Nil
	for done := false; !done; {
		var rows dbsqlc.CheckMarksRow
		found, err := c.confirmed(ctx, pgx.ReadOnly, func(tx pgx.Tx) ([]Discrepancy, error) {
			q := dbsqlc.New(tx)
			bounds, _, err := retained(ctx, q)
			if err != nil {
				return nil, err
			}
			rows, err = q.CheckMarks(ctx, dbsqlc.CheckMarksParams{
				After: after, Oldest: bounds.Oldest, MaxRows: int32(c.chunk), //nolint:gosec // a constant
			})
			if err != nil {
				return nil, fmt.Errorf("looking at what is marked as relayed: %w", err)
			}
			return discrepanciesOf(rows.Discrepancies)
		}, nil)
		if err != nil {
			return err
		}
		full.add(found)
		full.Events += rows.LookedAt
		after, done = rows.LastEvent, rows.LookedAt < int64(c.chunk)
		progress("events", full.Events, max(full.Events, full.Newest-full.Oldest+1)) // an event has an entry or two
	}
	return nil
}

// fullNodes looks at the journals, and waits a little for nodes that are behind.
func (c *Checker) fullNodes(ctx context.Context, full *Report, progress Progress) error {
	deadline := time.Now().Add(c.patience)
	for first := true; ; first = false {
		var late []Discrepancy
		err := c.inSnapshot(ctx, pgx.ReadOnly, func(tx pgx.Tx) error {
			q := dbsqlc.New(tx)
			nodes, err := q.CheckNodes(ctx)
			if err != nil {
				return fmt.Errorf("reading the nodes: %w", err)
			}
			if first {
				found, err := checkNodes(ctx, q, map[uuid.UUID]*nodeCheck{}, look{})
				if err != nil {
					return err
				}
				full.add(found)
				full.Nodes = len(nodes)
			}
			for _, n := range nodes {
				if n.Alive && n.BroadcastPosition < full.Newest {
					late = append(late, behind(&n, full.Newest))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(late) == 0 || time.Now().After(deadline) {
			full.add(late)
			progress("nodes", int64(full.Nodes), int64(full.Nodes))
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(keepUpLook):
		}
	}
}
