package adminapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// mendDead is POST /api/admin/outbox/dead/{eventId}/mend. A field that the body leaves out, or that is null there,
// keeps its value.
func (a *API) mendDead(r *request) (any, error) {
	id, ok := event.ParseID(r.PathValue("eventId"))
	if !ok {
		return nil, invalid(fieldErrors{"eventId": {"The path must hold the UUID of an event."}})
	}
	b, err := readBody(r.Request)
	if err != nil {
		return nil, err
	}
	mending := b.mending()
	if err := b.err(); err != nil {
		return nil, err
	}
	mended, err := a.cfg.DeadLetters.Mend(r.Context(), id, mending, r.principal.Subject)
	if err == nil {
		return decided{Message: "Dead letter mended", EventID: id, Changed: mended.Columns}, nil
	}
	if refused, ok := errors.AsType[*outbox.RefusedError](err); ok {
		return nil, invalid(fieldErrors{"$": {refused.Error()}})
	}
	for reason, status := range map[error]int{
		outbox.ErrNotKnown: http.StatusNotFound, outbox.ErrRowGone: http.StatusNotFound,
		outbox.ErrRelayed: http.StatusConflict, outbox.ErrWaiting: http.StatusConflict,
		outbox.ErrRowLost:   http.StatusConflict,
		outbox.ErrUnchanged: http.StatusConflict, outbox.ErrMoved: http.StatusConflict,
	} {
		if errors.Is(err, reason) {
			return nil, newProblem(status, strings.ToUpper(reason.Error()[:1])+reason.Error()[1:]+".")
		}
	}
	a.logger.ErrorContext(
		r.Context(), "a dead letter could not be mended", slog.String("event_id", id.String()), slog.Any("error", err),
	)
	return nil, unavailable("The dead letter could not be mended.")
}

// mending reads the changes to an event. A field of another name is an error: it would seem to have had an effect.
func (b *body) mending() *outbox.Mending {
	m := &outbox.Mending{
		Payload: b.fieldsOf("payload"), Merge: b.fieldsOf("merge"), ResourceID: b.optionalID("resourceId"),
		RestaurantID: b.optionalID("restaurantId"),
		CustomerID:   b.optionalText("customerId"), Audience: b.optionalText("audience"),
		TraceParent: b.optionalText("traceparent"),
		OccurredOn:  b.optionalTime("occurredOnUtc"), Type: (*event.Type)(b.optionalText("eventType")),
	}
	if after := b.field("deliverAfter"); after == "" {
		m.AtOnce = true
	} else {
		m.DeliverAfter = b.optionalTime("deliverAfter")
	}
	if m.Payload != nil && m.Merge != nil {
		b.errors.add("merge", "The field must be left out where payload is given.")
	}
	for name := range b.fields {
		if !b.read[name] {
			b.errors.add(name, "There is no such field to mend.")
		}
	}
	if len(b.errors) == 0 && m.Empty() {
		b.errors.add(
			"$",
			"Say what is to be another: payload or merge, eventType, resourceId, restaurantId, customerId, audience, "+
				"occurredOnUtc, deliverAfter, traceparent.",
		)
	}
	return m
}

// fieldsOf reads an object that may be missing, and returns it as JSON.
func (b *body) fieldsOf(name string) json.RawMessage {
	value := b.field(name)
	if value == nil {
		return nil
	}
	if _, ok := value.(map[string]any); !ok {
		b.errors.add(name, "The field must be an object.")
		return nil
	}
	b.note(name, checkValue(value, event.PayloadLevel))
	encoded, err := encode(value)
	if err != nil {
		b.errors.add(name, "The field cannot be encoded.")
	}
	return encoded
}

func (b *body) optionalText(name string) *string {
	value := b.field(name)
	if value == nil {
		return nil
	}
	text, ok := value.(string)
	if !ok {
		b.errors.add(name, "The field must be a string.")
		return nil
	}
	b.note(name, checkText(text))
	return &text
}

func (b *body) optionalID(name string) *uuid.UUID {
	text := b.optionalText(name)
	if text == nil {
		return nil
	}
	id, ok := event.ParseID(*text)
	if !ok {
		b.errors[name] = []string{"The field must be a UUID."}
	}
	return &id
}

func (b *body) optionalTime(name string) *time.Time {
	text := b.optionalText(name)
	if text == nil {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, *text)
	if err != nil {
		b.errors[name] = []string{
			fmt.Sprintf("The field must be a time as RFC 3339 writes it, such as %s.", "2026-01-20T10:30:00Z"),
		}
	}
	return &at
}
