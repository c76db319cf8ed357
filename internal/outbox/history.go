package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// What a [Step] can be.
const (
	StepDied    = "died"
	StepRetried = "retried"
	StepMended  = "mended"
	StepDropped = "dropped"
)

const (
	historyMost = 100 // steps of an event that are told
	whomMost    = 200 // bytes of a name
)

// Step is something that has become of an event which could not be delivered.
type Step struct {
	At       time.Time `json:"at"`
	What     string    `json:"what"`              // one of the Step… constants
	By       string    `json:"by,omitempty"`      // who decided so
	Attempts int       `json:"attempts,omitzero"` // before it died
	Detail   string    `json:"detail,omitempty"`  // why it died, or what of it was changed
}

// Note writes down that somebody has decided about an event, within the transaction of it.
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

// History returns what has become of an event, the newest hundred steps, in order.
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

// whom is a name as it is written down; nil for nobody's.
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
