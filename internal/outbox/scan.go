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
	occurredOn                      time.Time
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
		OccurredOn:   c.occurredOn,
		TraceParent:  c.traceText.String,
	}
}

// scanRow reads a row of BatchRead or OutboxRows.
func scanRow(row pgx.CollectableRow) (Row, error) {
	var c eventColumns
	var r Row
	var deliverAfter pgtype.Timestamptz
	err := row.Scan(&r.Seq, &r.WrittenAt, &c.id, &c.eventType, &c.resourceID, &c.restaurantID, &c.customerID, &c.audience, &c.payload,
		&c.occurredOn, &deliverAfter, &c.traceText, &r.Duplicate)
	if err != nil {
		return Row{}, err //nolint:wrapcheck // wrapped once, by the batch's reader
	}
	r.Event, r.DeliverAfter = c.event(), deliverAfter.Time
	return r, nil
}

// scanLogged reads an entry of LogReadFrom or LogReadGroup, and into what is given the columns before it.
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
	l.Event, l.Group = &e, event.Group(group)
	return l, nil
}
