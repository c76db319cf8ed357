package outbox

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/yummyzoom/herald/internal/event"
)

// eventColumns are the columns that make an event, in types that are read without reflection: half of the time that a drain spends
// outside the database is spent on reading and writing columns.
type eventColumns struct {
	id                              [16]byte
	eventType                       string
	resourceID, restaurantID        pgtype.UUID
	customerID, audience, traceText pgtype.Text
	payload                         []byte
	occurredOn                      pgtype.Timestamptz
}

func (c *eventColumns) event() event.Event {
	return event.Event{
		ID:           c.id,
		Type:         event.Type(c.eventType),
		ResourceID:   c.resourceID.Bytes,
		RestaurantID: c.restaurantID.Bytes,
		CustomerID:   c.customerID.String,
		Audience:     event.Audience(c.audience.String),
		Payload:      c.payload,
		OccurredOn:   clock(c.occurredOn),
		TraceParent:  c.traceText.String,
	}
}

// rowColumns are the columns of a row of BatchRead or OutboxRows.
type rowColumns struct {
	eventColumns

	written, deliverAfter pgtype.Timestamptz
	tooLarge              string // the columns that are, and so were not read
}

// scanRow reads a row of BatchRead or OutboxRows, whatever it holds, and how much its payload is with those before it in its batch.
func scanRow(row pgx.CollectableRow, bytes *int64) (Row, error) {
	var c rowColumns
	var r Row
	err := row.Scan(&r.Seq, &c.written, &c.id, &c.eventType, &c.resourceID, &c.restaurantID, &c.customerID, &c.audience, &c.payload,
		&c.occurredOn, &c.deliverAfter, &c.traceText, &r.Duplicate, &c.tooLarge, bytes)
	if err != nil {
		return Row{}, err //nolint:wrapcheck // wrapped once, by the batch's reader
	}
	r.Event, r.WrittenAt, r.DeliverAfter = c.event(), clock(c.written), clock(c.deliverAfter)
	if r.unfit = c.unfit(); !isClock(c.written) {
		r.written = c.written
	}
	return r, nil
}

// scanLogged reads an entry of LogReadFrom or LogReadGroup, and into what is given the columns before it. The relay has checked its row, but its
// owner may have changed it since: one that cannot be read any more has no payload, so that it is passed over.
func scanLogged(row pgx.CollectableRow, before ...any) (event.Logged, error) {
	var c eventColumns
	var l event.Logged
	var group string
	err := row.Scan(append(before, &l.Position, &group, &l.Sequence, &c.id, &c.eventType, &c.resourceID, &c.restaurantID, &c.customerID,
		&c.audience, &c.payload, &c.occurredOn, &c.traceText)...)
	if err != nil {
		return event.Logged{}, err //nolint:wrapcheck // wrapped once, by the batch's reader
	}
	e := c.event()
	if !isClock(c.occurredOn) {
		e.Payload = nil
	}
	l.Event = &e
	l.Group, _ = event.ParseGroup(group) // one of a newer release has its place all the same
	return l, nil
}

// isClock says whether t is a time that JSON and clients have a form for.
func isClock(t pgtype.Timestamptz) bool {
	if !t.Valid || t.InfinityModifier != pgtype.Finite {
		return false
	}
	year := t.Time.UTC().Year()
	return year >= 1 && year <= 9999
}

// clock is t, or the zero time where t is none.
func clock(t pgtype.Timestamptz) time.Time {
	if !isClock(t) {
		return time.Time{}
	}
	return t.Time
}
