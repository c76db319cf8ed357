package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Why an event is not mended.
var (
	ErrRelayed = errors.New("the event has been relayed: clients have it as it was; publish another one to correct it")
	ErrWaiting = errors.New(
		"the event has not failed, or was mended already, and waits to be relayed; see herald trace")
	ErrNotKnown = errors.New(
		"no event with this id has been committed, or it is older than the retention; see herald trace")
	ErrMoved     = errors.New("the event is being retried, buried or relayed at this moment; try again")
	ErrUnchanged = errors.New(
		"nothing of the event would be another; herald dead retry tries again to deliver it as it is")
)

// RefusedError says why a publish would refuse an event, in the outbox's words.
type RefusedError struct{ Problem, Hint string }

func (e *RefusedError) Error() string {
	if e.Hint == "" {
		return e.Problem
	}
	return fmt.Sprintf("%s (%s)", e.Problem, e.Hint)
}

// Mending is a change of an event. A nil field stays as it is. The all-zero UUID, or an empty text, removes a value.
type Mending struct {
	Payload                  json.RawMessage // instead of the whole payload
	Merge                    json.RawMessage // fields that are set in the payload; the others stay
	Type                     *event.Type
	ResourceID, RestaurantID *uuid.UUID
	CustomerID, Audience     *string
	OccurredOn, DeliverAfter *time.Time
	AtOnce                   bool // it has no time of its own any more
	TraceParent              *string
}

// Empty reports whether nothing would change.
func (m *Mending) Empty() bool {
	return m.Payload == nil && m.Merge == nil && m.Type == nil && m.ResourceID == nil && m.RestaurantID == nil &&
		m.CustomerID == nil &&
		m.Audience == nil && m.OccurredOn == nil && m.DeliverAfter == nil && !m.AtOnce && m.TraceParent == nil
}

// Mended is what was changed.
type Mended struct {
	Columns []string // of the outbox, by their names
	Fields  []string // of the payload, twenty at most
	// DeliverAfter is the event's time, zero where it has none.
	DeliverAfter time.Time
}

// String names what was changed, without values.
func (m *Mended) String() string {
	named := slices.Clone(m.Columns)
	for i, column := range named {
		if column == "payload" && len(m.Fields) > 0 {
			named[i] = "payload (" + strings.Join(m.Fields, ", ") + ")"
		}
	}
	return strings.Join(named, ", ")
}

// Mend changes an event's row within tx. Tx must hold locks on everything that would deliver the event. It fails
// with [ErrRelayed], [ErrRowGone], [ErrUnchanged] or a [*RefusedError]; tx is of no use then.
func Mend(ctx context.Context, tx pgx.Tx, ref Ref, m *Mending) (Mended, error) {
	q := dbsqlc.New(tx)
	relayed, err := q.EventIsRelayed(ctx, ref.EventID)
	if err != nil {
		return Mended{}, fmt.Errorf("asking whether event %s was relayed: %w", ref.EventID, err)
	}
	if relayed {
		return Mended{}, ErrRelayed
	}
	for _, part := range []json.RawMessage{m.Payload, m.Merge} {
		if part != nil && !json.Valid(part) {
			return Mended{}, &RefusedError{"payload is not JSON", "Pass the event's own fields as a JSON object."}
		}
	}
	if m.Merge != nil && !strings.HasPrefix(strings.TrimSpace(string(m.Merge)), "{") {
		return Mended{}, &RefusedError{"what is to be merged into the payload is not a JSON object", ""}
	}
	changed, err := q.MendApply(ctx, dbsqlc.MendApplyParams{
		Seq: ref.Seq, WrittenAt: ref.WrittenAt, EventType: (*string)(m.Type), ResourceID: nullID(m.ResourceID),
		RestaurantID: nullID(m.RestaurantID),
		CustomerID:   m.CustomerID, Audience: m.Audience, Payload: m.Payload, Merge: m.Merge, OccurredOnUtc: m.OccurredOn,
		AtOnce: m.AtOnce, DeliverAfter: m.DeliverAfter, Traceparent: m.TraceParent,
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Mended{}, ErrRowGone
	case err != nil:
		return Mended{}, refused(err)
	case len(changed.Changed) == 0:
		return Mended{}, ErrUnchanged
	case changed.IsOwn && !changed.WasOwn:
		return Mended{},
			&RefusedError{"event_type AccessRevoked is Herald's own", "herald.revoke_access writes such events."}
	}
	if _, err := q.MendCheck(ctx, dbsqlc.MendCheckParams{Seq: ref.Seq, WrittenAt: ref.WrittenAt}); err != nil {
		return Mended{}, refused(err)
	}
	row, err := readRow(ctx, tx, ref)
	if err != nil {
		return Mended{}, err
	}
	if _, err := row.Targets(); err != nil {
		undeliverable, ok := errors.AsType[*event.UndeliverableError](err)
		if !ok {
			return Mended{}, err
		}
		return Mended{}, &RefusedError{undeliverable.Reason, ""}
	}
	return Mended{Columns: changed.Changed, Fields: changed.Fields, DeliverAfter: row.DeliverAfter}, nil
}

// refused turns the database's error about a value into a [*RefusedError].
func refused(err error) error {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Errorf("mending the event: %w", err)
	}
	const checkViolation = "23514"
	switch {
	case answer.Code == checkViolation:
		return &RefusedError{strings.TrimPrefix(answer.Message, "herald.outbox: "), answer.Hint}
	case postgres.Unreadable(err): // for example a value that jsonb cannot hold
		return &RefusedError{answer.Message, answer.Hint}
	default:
		return fmt.Errorf("mending the event: %w", err)
	}
}

func nullID(id *uuid.UUID) uuid.NullUUID {
	if id == nil {
		return uuid.NullUUID{}
	}
	return uuid.NullUUID{UUID: *id, Valid: true}
}
