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
	"github.com/yummyzoom/herald/internal/outbox/dbsqlc"
)

// ErrNotDead is returned for an event that is no dead letter.
var ErrNotDead = errors.New("the event is not a dead letter")

// ErrRowLost is returned for a dead letter whose row says that it was written at what is no time: no job can carry that.
var ErrRowLost = errors.New("its row's written_at is not a time between the years 1 and 9999: publish the event anew, or drop it")

// DeadLetter is an event that could not be turned into messages and is not tried again by itself.
type DeadLetter struct {
	EventID    uuid.UUID  `json:"eventId"`
	Type       event.Type `json:"eventType"`  // empty where retention has dropped the event's row
	ResourceID uuid.UUID  `json:"resourceId"` // uuid.Nil for admin events
	WrittenAt  time.Time  `json:"writtenAt"`  // zero where that is no time between the years 1 and 9999
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
	rows, err := db.Query(ctx, dbsqlc.DeadLetterList, params.DiedBefore, params.EventBefore, params.MaxLetters)
	if err != nil {
		return nil, fmt.Errorf("reading the dead letters: %w", err)
	}
	letters, err := pgx.CollectRows(rows, scanDeadLetter)
	if err != nil {
		return nil, fmt.Errorf("reading the dead letters: %w", err)
	}
	return letters, nil
}

// scanDeadLetter reads a row of DeadLetterList, whatever the event's row holds.
func scanDeadLetter(row pgx.CollectableRow) (d DeadLetter, err error) {
	var written, died pgtype.Timestamptz
	var eventType *string
	var resourceID uuid.NullUUID
	err = row.Scan(&d.EventID, &written, &d.Reason, &d.Attempts, &died, &eventType, &resourceID)
	d.Type, d.ResourceID, d.WrittenAt, d.DiedAt = event.Type(orZero(eventType)), resourceID.UUID, clock(written), clock(died)
	return d, err //nolint:wrapcheck // wrapped once, by DeadLetters
}

// farFuture is later than any dead letter.
var farFuture = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant

// Exhume takes an event out of the dead letters, within tx, and returns its place and why it died. It fails with [ErrNotDead], and with
// [ErrRowLost] for one that nothing can find again.
func Exhume(ctx context.Context, tx pgx.Tx, eventID uuid.UUID) (Ref, string, error) {
	ref := Ref{EventID: eventID}
	var written pgtype.Timestamptz
	var reason string
	err := tx.QueryRow(ctx, dbsqlc.DeadLetterTake, eventID).Scan(&ref.Seq, &written, &reason)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Ref{}, "", ErrNotDead
	case err != nil:
		return Ref{}, "", fmt.Errorf("taking dead letter %s: %w", eventID, err)
	case !isClock(written):
		return Ref{}, "", ErrRowLost
	}
	ref.WrittenAt = written.Time
	return ref, reason, nil
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
