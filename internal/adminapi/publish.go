package adminapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/yummyzoom/herald/internal/event"
)

const checkViolation = "23514"

// published is the answer to every POST that publishes: the message, the event's fields that the endpoint repeats,
// and the event's id.
type published struct {
	Message  string
	Repeated object
	EventID  uuid.UUID
}

// MarshalJSON writes all of them as one object.
func (p published) MarshalJSON() ([]byte, error) {
	answer := append(object{{"message", p.Message}}, p.Repeated...)
	return []byte(oneLine(append(answer, member{"eventId", p.EventID}))), nil
}

// publishing serves an endpoint of the catalogue.
func (a *API) publishing(p publication) func(r *request) (any, error) {
	read := a.fromBody
	if p.Statistics != nil {
		read = a.fromStatistics
	}
	return func(r *request) (any, error) {
		payload, key, err := read(r, p)
		if err != nil {
			return nil, err
		}
		id, err := a.publish(r, p.of, payload, key)
		if err != nil {
			return nil, err
		}
		answer := published{Message: p.Message, EventID: id}
		for _, name := range p.Answers {
			answer.Repeated = append(answer.Repeated, member{name, payload[name]})
		}
		return answer, nil
	}
}

// fromBody makes the event's payload from the request's body.
func (a *API) fromBody(r *request, p publication) (payload map[string]any, key uuid.UUID, err error) {
	b, err := readBody(r.Request)
	if err == nil {
		payload = b.payload(p.Endpoint)
		b.extend(payload)
		err = b.err()
	}
	key, err = keyBeside(err, r.Header)
	return payload, key, err
}

// payload reads the fields that the endpoint takes, and puts them in their places.
func (b *body) payload(e event.Endpoint) map[string]any {
	payload, given := map[string]any{}, []string{}
	for i := range e.Body {
		f := &e.Body[i]
		object, name, inner := strings.Cut(f.Name, ".")
		switch {
		case inner:
			b.inner(&f.Field, object, name)
			continue
		case f.Optional && f.Kind != event.KindObject && b.field(f.Name) == nil:
			continue
		}
		value := b.value(&f.Field)
		given = append(given, "{"+f.Name+"}", fmt.Sprint(value))
		if object, name, inner := strings.Cut(f.To, "."); inner {
			members, _ := payload[object].(map[string]any)
			if members == nil {
				members = map[string]any{}
				payload[object] = members
			}
			members[name] = value
		} else {
			payload[f.To] = value
		}
	}
	for name, text := range e.Fixed {
		payload[name] = strings.NewReplacer(given...).Replace(text)
	}
	return payload
}

// publish writes the event to the outbox, with key as its id unless that is uuid.Nil, or returns a [*problem].
func (a *API) publish(r *request, eventType event.Type, payload map[string]any, key uuid.UUID) (uuid.UUID, error) {
	encoded, err := encode(payload)
	if err != nil {
		return uuid.Nil, err
	}
	id, err := a.cfg.Publisher.PublishAdmin(r.Context(), eventType, encoded, key)
	if err == nil {
		return id, nil
	}
	// The outbox's refusals are written for the producer. After the checks above, the only remaining one is a payload
	// that is larger as jsonb than it was as a body.
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == checkViolation {
		return uuid.Nil, invalid(fieldErrors{"$": {strings.TrimPrefix(refusal.Message, "herald.outbox: ")}})
	}
	a.logger.ErrorContext(r.Context(), "an admin event could not be published",
		slog.String("event_type", string(eventType)), slog.Any("error", err))
	return uuid.Nil, unavailable("The event could not be written to the outbox. " +
		"Try again, with the same Idempotency-Key if you sent one.")
}

func unavailable(detail string) *problem {
	p := newProblem(http.StatusServiceUnavailable, detail)
	p.header.Set("Retry-After", "1")
	return p
}
