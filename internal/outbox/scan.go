package outbox

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/yummyzoom/herald/internal/event"
)

// EventColumns are the columns that make an event, in types that are read without reflection: half of the time that
// a pass spends outside the database goes into reading and writing columns.
type EventColumns struct {
	ID                              [16]byte
	Type                            string
	ResourceID, RestaurantID        pgtype.UUID
	CustomerID, Audience, TraceText pgtype.Text
	Payload                         []byte
	OccurredOn                      pgtype.Timestamptz
}

// Event is the event that the columns make.
func (c *EventColumns) Event() event.Event {
	return event.Event{
		ID:           c.ID,
		Type:         event.Type(c.Type),
		ResourceID:   c.ResourceID.Bytes,
		RestaurantID: c.RestaurantID.Bytes,
		CustomerID:   c.CustomerID.String,
		Audience:     event.Audience(c.Audience.String),
		Payload:      c.Payload,
		OccurredOn:   clock(c.OccurredOn),
		TraceParent:  c.TraceText.String,
	}
}

// HasTime reports whether the event occurred at a time that JSON and clients have a form for.
func (c *EventColumns) HasTime() bool { return isClock(c.OccurredOn) }

// rowColumns are the columns of a row of BatchRead or OutboxRows.
type rowColumns struct {
	EventColumns

	written, deliverAfter pgtype.Timestamptz
	tooLarge              string // the columns that are too large, and so were not read
}

// ScanRow reads a row of BatchRead or OutboxRows, whatever it holds. It sets bytes to the size of the payloads of
// the batch up to this row.
func ScanRow(row pgx.CollectableRow, bytes *int64) (Row, error) {
	var c rowColumns
	var r Row
	err := row.Scan(&r.Seq, &c.written, &c.ID, &c.Type, &c.ResourceID, &c.RestaurantID, &c.CustomerID, &c.Audience,
		&c.Payload,
		&c.OccurredOn, &c.deliverAfter, &c.TraceText, &r.Duplicate, &c.tooLarge, bytes)
	if err != nil {
		return Row{}, err //nolint:wrapcheck // wrapped once, by the batch's reader
	}
	r.Event, r.WrittenAt, r.DeliverAfter = c.Event(), clock(c.written), clock(c.deliverAfter)
	if r.unfit = c.unfit(); !isClock(c.written) {
		r.written = c.written
	}
	return r, nil
}

// isClock reports whether t is a time that JSON and clients have a form for.
func isClock(t pgtype.Timestamptz) bool {
	if !t.Valid || t.InfinityModifier != pgtype.Finite {
		return false
	}
	year := t.Time.UTC().Year()
	return year >= 1 && year <= 9999
}

// clock is t, or the zero time where t is no such time.
func clock(t pgtype.Timestamptz) time.Time {
	if !isClock(t) {
		return time.Time{}
	}
	return t.Time
}
