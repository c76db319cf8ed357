package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

const (
	maxNameCharacters  = 256 // of a customer_id, as the outbox's check has it
	maxTraceCharacters = 512
)

// Targets returns the groups that receive the row's event, as [event.Event.Groups] does. It also fails with an
// [*event.UndeliverableError] where a column holds what the outbox refuses: the row was written past its checks, or
// under a release with other checks.
func (r *Row) Targets() ([]event.Group, error) {
	if r.unfit != "" {
		return nil, &event.UndeliverableError{EventID: r.ID, Reason: r.unfit}
	}
	return r.Groups()
}

// IsHopeless reports whether err is about an event that no later attempt can deliver. An event of an unknown type
// may be of a newer release, so it is not hopeless.
func IsHopeless(err error) bool {
	undeliverable, ok := errors.AsType[*event.UndeliverableError](err)
	return ok && !undeliverable.UnknownType
}

// unfit says which column holds a value that no event has, and what is wrong with it.
func (c *rowColumns) unfit() string {
	switch {
	case c.tooLarge != "":
		return "too large: " + c.tooLarge
	case c.ID == uuid.Nil:
		return "event_id is missing"
	}
	if column := c.unfitTime(); column != "" {
		return column + " is not a time between the years 1 and 9999"
	}
	if len(c.Payload) == 0 || c.Payload[0] != '{' {
		return "payload is not a JSON object"
	}
	if n := characters(c.TraceText.String, maxTraceCharacters); n > maxTraceCharacters {
		return fmt.Sprintf("traceparent has %d characters; at most %d are allowed", n, maxTraceCharacters)
	}
	if n := characters(c.CustomerID.String, maxNameCharacters); n > maxNameCharacters {
		return fmt.Sprintf("customer_id has %d characters; at most %d are allowed", n, maxNameCharacters)
	}
	switch event.Type(c.Type).Family() {
	case event.Order:
		return c.unfitOrder()
	case event.TeamCart, event.Control:
		if c.ResourceID.Bytes == uuid.Nil {
			return "resource_id is missing"
		}
	case event.Admin, event.Unknown:
	}
	return ""
}

func (c *rowColumns) unfitOrder() string {
	switch {
	case c.ResourceID.Bytes == uuid.Nil:
		return "resource_id is missing"
	case c.RestaurantID.Bytes == uuid.Nil:
		return "restaurant_id is missing"
	case c.Audience.Valid && c.Audience.String == "":
		return `unknown audience ""`
	case c.CustomerID.String == "" && event.Audience(c.Audience.String) != event.Restaurant:
		return "customer_id is missing"
	}
	return ""
}

func (c *rowColumns) unfitTime() string {
	switch {
	case !isClock(c.written):
		return "written_at"
	case !isClock(c.OccurredOn):
		return "occurred_on_utc"
	case c.deliverAfter.Valid && !isClock(c.deliverAfter):
		return "deliver_after"
	}
	return ""
}

// characters counts the characters of a text that can have more than most.
func characters(text string, most int) int {
	if len(text) <= most {
		return len(text)
	}
	return utf8.RuneCountInString(text)
}

const maxReason = 1000 // bytes

// ShortReason is the form in which a reason is recorded: a producer may have written parts of it.
func ShortReason(reason string) string {
	reason = strings.ToValidUTF8(strings.ReplaceAll(reason, "\x00", ""), "�")
	if len(reason) <= maxReason {
		return reason
	}
	cut := []byte(reason)[:maxReason]
	return string(bytes.ToValidUTF8(cut, nil)) + "…"
}
