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

// ErrNotDead is returned for an event that is no dead letter.
var ErrNotDead = errors.New("the event is not a dead letter")

// DeadLetter is an event that could not be turned into messages and is not tried again by itself.
type DeadLetter struct {
	EventID    uuid.UUID  `json:"eventId"`
	Type       event.Type `json:"eventType"`  // empty where retention has dropped the event's row
	ResourceID uuid.UUID  `json:"resourceId"` // uuid.Nil for admin events
	WrittenAt  time.Time  `json:"writtenAt"`
	DiedAt     time.Time  `json:"diedAt"`
	Attempts   int        `json:"attempts"`
	Reason     string     `json:"reason"` // of the last attempt
}

// DeadLetters returns at most limit dead letters, the newest first: from the newest on where before is nil, else those behind it.
func DeadLetters(ctx context.Context, db dbsqlc.DBTX, before *DeadLetter, limit int) ([]DeadLetter, error) {
	params := dbsqlc.DeadLetterListParams{
		DiedBefore: farFuture, EventBefore: uuid.Max, MaxLetters: int32(limit), //nolint:gosec // bounded by the caller
	}
	if before != nil {
		params.DiedBefore, params.EventBefore = before.DiedAt, before.EventID
	}
	rows, err := dbsqlc.New(db).DeadLetterList(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("reading the dead letters: %w", err)
	}
	letters := make([]DeadLetter, len(rows))
	for i, r := range rows {
		letters[i] = DeadLetter{
			EventID: r.EventID, Type: event.Type(orZero(r.EventType)), ResourceID: r.ResourceID.UUID,
			WrittenAt: r.OutboxWrittenAt, DiedAt: r.DiedAt, Attempts: int(r.Attempts), Reason: r.Reason,
		}
	}
	return letters, nil
}

// farFuture is later than any dead letter.
var farFuture = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant

// Exhume takes an event out of the dead letters, within tx, and returns its place and why it died. It fails with [ErrNotDead].
func Exhume(ctx context.Context, tx pgx.Tx, eventID uuid.UUID) (Ref, string, error) {
	taken, err := dbsqlc.New(tx).DeadLetterTake(ctx, eventID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Ref{}, "", ErrNotDead
	}
	if err != nil {
		return Ref{}, "", fmt.Errorf("taking dead letter %s: %w", eventID, err)
	}
	return Ref{EventID: eventID, Seq: taken.OutboxSeq, WrittenAt: taken.OutboxWrittenAt}, taken.Reason, nil
}

// Drop makes a dead letter one that is listed no more. Its event is never delivered unless it is retried. It fails with [ErrNotDead]
// where it is none, or was dropped before.
func Drop(ctx context.Context, db dbsqlc.DBTX, eventID uuid.UUID) error {
	dropped, err := dbsqlc.New(db).DeadLetterDrop(ctx, eventID)
	if err != nil {
		return fmt.Errorf("dropping dead letter %s: %w", eventID, err)
	}
	if dropped == 0 {
		return ErrNotDead
	}
	return nil
}
