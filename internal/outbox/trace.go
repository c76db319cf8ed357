package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox/dbsqlc"
)

// Whereabouts says where an event is. Times are zero and ids are uuid.Nil where they do not apply.
type Whereabouts struct {
	Status       string // relayed, waiting, scheduled, dead, dropped or unknown
	WrittenAt    time.Time
	DeliverAfter time.Time
	RelayedAt    time.Time
	RelayedBy    uuid.UUID
	Group        event.Group
	Position     int64
	Sequence     int64
	Detail       string
}

// eventStatus stands here because sqlc does not know the columns of a function.
const eventStatus = `SELECT status, written_at, deliver_after, relayed_at, relayed_by, group_name, position, sequence, detail
	FROM herald.event_status($1)`

// Trace tells where an event is: one answer for each group that it has a place in, else one that says why it has none.
func Trace(ctx context.Context, db dbsqlc.DBTX, eventID uuid.UUID) ([]Whereabouts, error) {
	rows, err := db.Query(ctx, eventStatus, eventID)
	if err != nil {
		return nil, fmt.Errorf("tracing event %s: %w", eventID, err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Whereabouts, error) {
		var w Whereabouts
		var written, after, relayed *time.Time
		var by uuid.NullUUID
		var group, detail *string
		var position, sequence *int64
		if err := row.Scan(&w.Status, &written, &after, &relayed, &by, &group, &position, &sequence, &detail); err != nil {
			return w, err //nolint:wrapcheck // wrapped once, below
		}
		w.WrittenAt, w.DeliverAfter, w.RelayedAt = orZero(written), orZero(after), orZero(relayed)
		w.RelayedBy, w.Group, w.Detail = by.UUID, event.Group(orZero(group)), orZero(detail)
		w.Position, w.Sequence = orZero(position), orZero(sequence)
		return w, nil
	})
	if err != nil {
		return nil, fmt.Errorf("tracing event %s: %w", eventID, err)
	}
	return found, nil
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
