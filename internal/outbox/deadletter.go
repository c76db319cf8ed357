package outbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// ErrNotDead is returned for an event that is no dead letter.
var ErrNotDead = errors.New("the event is not a dead letter")

// ErrRowLost is returned for a dead letter whose row has a written_at that is no time: no job can carry that.
var ErrRowLost = errors.New(
	"its row's written_at is not a time between the years 1 and 9999: publish the event anew, or drop it")

// DeadLetter is an event that could not be turned into messages. It is not tried again by itself (StatusDead), or it
// is (StatusRetrying).
type DeadLetter struct {
	EventID    uuid.UUID  `json:"eventId"`
	Type       event.Type `json:"eventType"`       // empty where retention has dropped the event's row
	State      string     `json:"state"`           // StatusDead or StatusRetrying
	ResourceID uuid.UUID  `json:"resourceId"`      // uuid.Nil for admin events
	WrittenAt  time.Time  `json:"writtenAt"`       // zero where that is no time between the years 1 and 9999
	DiedAt     time.Time  `json:"diedAt,omitzero"` // zero for one that is tried again
	// FailingSince is when it failed first, NextAttemptAt when it is tried again, by the database's clock. Both are
	// zero for a dead event; NextAttemptAt is zero while the event is being tried.
	FailingSince  time.Time `json:"failingSince,omitzero"`
	NextAttemptAt time.Time `json:"nextAttemptAt,omitzero"`
	Attempts      int       `json:"attempts"`
	Reason        string    `json:"reason"` // of the last attempt
	Job           int64     `json:"-"`      // that tries it again
}

// Since is when the event died, or failed first.
func (d *DeadLetter) Since() time.Time {
	if d.State == StatusRetrying {
		return d.FailingSince
	}
	return d.DiedAt
}

// Cursor is the text from which a list goes on behind d. [ParseDeadCursor] reads it.
func (d *DeadLetter) Cursor() string {
	if d.State == StatusRetrying {
		return retryingCursor + strconv.FormatInt(d.Job, 10)
	}
	return d.DiedAt.UTC().Format(time.RFC3339Nano) + "_" + d.EventID.String()
}

const retryingCursor = StatusRetrying + "_"

// ParseDeadCursor returns the place from which a list goes on; nil where text is no [DeadLetter.Cursor].
func ParseDeadCursor(text string) *DeadLetter {
	if job, ok := strings.CutPrefix(text, retryingCursor); ok {
		id, err := strconv.ParseInt(job, 10, 64)
		if err != nil {
			return nil
		}
		return &DeadLetter{State: StatusRetrying, Job: id}
	}
	at, id, _ := strings.Cut(text, "_")
	diedAt, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return nil
	}
	eventID, err := uuid.Parse(id)
	if err != nil {
		return nil
	}
	return &DeadLetter{State: StatusDead, DiedAt: diedAt, EventID: eventID}
}

// DeadLetters returns at most limit events that are not tried again, the newest first. It begins behind before, or
// with the newest where before is nil.
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
	d.State, d.Type, d.ResourceID = StatusDead, event.Type(postgres.OrZero(eventType)), resourceID.UUID
	d.WrittenAt, d.DiedAt = clock(written), clock(died)
	return d, err //nolint:wrapcheck // wrapped once, by DeadLetters
}

// farFuture is later than any dead letter.
var farFuture = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant

// CountDeadLetters returns how many events are not tried again, counted up to most, and for how long the oldest has
// been dead.
func CountDeadLetters(ctx context.Context, db dbsqlc.DBTX, most int) (letters int, oldest time.Duration, err error) {
	row, err := dbsqlc.New(db).DeadLetterCount(ctx, int32(most)) //nolint:gosec // a constant of the caller's
	if err != nil {
		return 0, 0, fmt.Errorf("counting the dead letters: %w", err)
	}
	return int(row.Letters), time.Duration(row.OldestSeconds * float64(time.Second)), nil
}

// Exhume takes an event out of the dead letters, within tx, and returns its place and why it died. It fails with
// [ErrNotDead], and with [ErrRowLost] for an event whose row cannot be found again.
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

// Drop takes a dead letter off the list; by names who asked for it. Its event is never delivered unless it is
// retried. It fails with [ErrNotDead] where the event is no dead letter, or was dropped before.
func Drop(ctx context.Context, db dbsqlc.DBTX, eventID uuid.UUID, by string) error {
	dropped, err := dbsqlc.New(db).DeadLetterDrop(ctx, dbsqlc.DeadLetterDropParams{EventID: eventID, ByWhom: whom(by)})
	if err != nil {
		return fmt.Errorf("dropping dead letter %s: %w", eventID, err)
	}
	if dropped == 0 {
		return ErrNotDead
	}
	return nil
}

// Show returns an event's row of the outbox as JSON, by the names of its columns. It fails with [ErrRowGone].
func Show(ctx context.Context, db dbsqlc.DBTX, ref Ref) ([]byte, error) {
	row, err := dbsqlc.New(db).OutboxShow(ctx, dbsqlc.OutboxShowParams{Seq: ref.Seq, WrittenAt: ref.WrittenAt})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, ErrRowGone
	case err != nil:
		return nil, fmt.Errorf("reading event %s: %w", ref.EventID, err)
	}
	return row, nil
}

// Bury records that an event is not tried again, and why.
func Bury(ctx context.Context, tx pgx.Tx, ref Ref, reason error, attempts int) error {
	err := dbsqlc.New(tx).DeadLetterInsert(ctx, dbsqlc.DeadLetterInsertParams{
		EventIds: []uuid.UUID{ref.EventID}, OutboxSeqs: []int64{ref.Seq}, WrittenAts: []time.Time{ref.WrittenAt},
		Reasons: []string{ShortReason(reason.Error())}, Attempts: int32(attempts), //nolint:gosec // a few dozen at most
	})
	if err != nil {
		return fmt.Errorf("recording dead letter %s: %w", ref.EventID, err)
	}
	return nil
}
