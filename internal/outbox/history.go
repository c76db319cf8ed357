package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// The kinds of [Step].
const (
	StepDied    = "died"
	StepRetried = "retried"
	StepMended  = "mended"
	StepDropped = "dropped"
)

const (
	historyMost = 100 // steps of an event that are returned
	whomMost    = 200 // bytes of a name
)

// Step is something that happened to an event that could not be delivered.
type Step struct {
	At       time.Time `json:"at"`
	What     string    `json:"what"`              // one of the Step… constants
	By       string    `json:"by,omitempty"`      // who decided so
	Attempts int       `json:"attempts,omitzero"` // before it died
	Detail   string    `json:"detail,omitempty"`  // why it died, or what of it was changed
}

// Note records a decision about an event, within the transaction of that decision.
func Note(ctx context.Context, db dbsqlc.DBTX, eventID uuid.UUID, what, by, detail string) error {
	params := dbsqlc.DeadLetterNoteParams{EventID: eventID, What: what, ByWhom: whom(by)}
	if detail = ShortReason(detail); detail != "" {
		params.Detail = &detail
	}
	if err := dbsqlc.New(db).DeadLetterNote(ctx, params); err != nil {
		return fmt.Errorf("noting what becomes of event %s: %w", eventID, err)
	}
	return nil
}

// History returns what has happened to an event, in order: the newest hundred steps.
func History(ctx context.Context, db dbsqlc.DBTX, eventID uuid.UUID) ([]Step, error) {
	rows, err := dbsqlc.New(db).DeadLetterHistory(ctx,
		dbsqlc.DeadLetterHistoryParams{EventID: eventID, Most: historyMost})
	if err != nil {
		return nil, fmt.Errorf("reading what became of event %s: %w", eventID, err)
	}
	steps := make([]Step, len(rows))
	for i, row := range rows {
		steps[i] = Step{
			At: row.At, What: row.What, By: postgres.OrZero(row.ByWhom),
			Attempts: int(postgres.OrZero(row.Attempts)), Detail: postgres.OrZero(row.Detail),
		}
	}
	return steps, nil
}

// whom is a name in its recorded form; nil for an empty one.
func whom(by string) *string {
	if by == "" {
		return nil
	}
	by = ShortReason(by)
	if len(by) > whomMost {
		by = ShortReason(by[:whomMost]) + "…"
	}
	return &by
}
