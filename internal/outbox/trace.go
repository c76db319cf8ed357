package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// The statuses of a Whereabouts.
const (
	StatusWaiting   = "waiting"   // to be relayed
	StatusScheduled = "scheduled" // until DeliverAfter
	StatusRetrying  = "retrying"  // its type was not known, or its job failed
	StatusRelayed   = "relayed"   // it has its place in Group
	StatusDuplicate = "duplicate" // its id was published before
	StatusDead      = "dead"      // it does not fit, or was tried too often, see DeadLetters
	StatusDropped   = "dropped"   // dead, and given up
	StatusUnknown   = "unknown"
)

// UnknownAdvice is what to do about an event that is unknown.
const UnknownAdvice = "Check the id. If it is right, the transaction that published it was rolled back or is still open: look for it in pg_stat_activity."

// Whereabouts says where an event is. Times are zero, numbers 0 and ids uuid.Nil where they do not apply.
type Whereabouts struct {
	Status         string      `json:"status"`
	OutboxSeq      int64       `json:"outboxSeq,omitzero"` // of the row that published it
	WrittenAt      time.Time   `json:"writtenAt,omitzero"`
	DeliverAfter   time.Time   `json:"deliverAfter,omitzero"`
	RelayedAt      time.Time   `json:"relayedAt,omitzero"`
	RelayedBy      uuid.UUID   `json:"relayedBy,omitzero"`
	RelayedHost    string      `json:"relayedHost,omitzero"`
	Group          event.Group `json:"group,omitzero"`
	Position       int64       `json:"position,omitzero"`
	Sequence       int64       `json:"sequence,omitzero"`
	Attempts       int         `json:"attempts,omitzero"`
	NextAttemptAt  time.Time   `json:"nextAttemptAt,omitzero"`
	SettledAt      time.Time   `json:"settledAt,omitzero"` // when it died, was dropped, or was found to be a duplicate
	Detail         string      `json:"detail,omitzero"`
	TimesPublished int         `json:"-"`
	Broadcasts     []Broadcast `json:"broadcasts,omitzero"`
}

// Broadcast is what one node did with an entry of the log.
type Broadcast struct {
	NodeID      uuid.UUID `json:"nodeId"`
	Host        string    `json:"host"`
	BroadcastAt time.Time `json:"broadcastAt"` // a second or two late at most
	Connections *int      `json:"connections"` // that were handed it live; nil where that was not recorded
}

// eventStatus stands here because sqlc does not know the columns of a function.
const eventStatus = `SELECT status, written_at, deliver_after, relayed_at, relayed_by, group_name, position, sequence, detail,
	relayed_host, outbox_seq, attempts, next_attempt_at, settled_at, times_published, broadcasts
	FROM herald.event_status($1)`

// Trace tells where an event is. It returns one answer for each group in which the event has a place, or one that
// says why it has none. Behind these comes one answer for each time that its id was published again.
func Trace(ctx context.Context, db dbsqlc.DBTX, eventID uuid.UUID) ([]Whereabouts, error) {
	rows, err := db.Query(ctx, eventStatus, eventID)
	if err != nil {
		return nil, fmt.Errorf("tracing event %s: %w", eventID, err)
	}
	found, err := pgx.CollectRows(rows, scanWhereabouts)
	if err != nil {
		return nil, fmt.Errorf("tracing event %s: %w", eventID, err)
	}
	return found, nil
}

func scanWhereabouts(row pgx.CollectableRow) (Whereabouts, error) {
	var w Whereabouts
	var written, after, relayed, next, settled pgtype.Timestamptz
	var by uuid.NullUUID
	var group, detail, host *string
	var position, sequence, seq *int64
	var attempts *int
	var broadcasts []byte
	err := row.Scan(&w.Status, &written, &after, &relayed, &by, &group, &position, &sequence, &detail,
		&host, &seq, &attempts, &next, &settled, &w.TimesPublished, &broadcasts)
	if err != nil {
		return w, err //nolint:wrapcheck // wrapped once, by Trace
	}
	w.WrittenAt, w.DeliverAfter, w.RelayedAt = clock(written), clock(after), clock(relayed)
	w.RelayedBy, w.RelayedHost, w.Detail = by.UUID, postgres.OrZero(host), postgres.OrZero(detail)
	w.Group, _ = event.ParseGroup(postgres.OrZero(group)) // none, or one of a newer release
	w.Position, w.Sequence, w.OutboxSeq = postgres.OrZero(position), postgres.OrZero(sequence), postgres.OrZero(seq)
	w.Attempts, w.NextAttemptAt, w.SettledAt = postgres.OrZero(attempts), clock(next), clock(settled)
	if broadcasts != nil {
		if err := json.Unmarshal(broadcasts, &w.Broadcasts); err != nil {
			return w, fmt.Errorf("reading who broadcast it: %w", err)
		}
	}
	return w, nil
}
