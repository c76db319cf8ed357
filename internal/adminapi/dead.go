package adminapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

const (
	deadPageDefault = 100
	deadPageMaximum = 1000
)

// DeadLetters are the events that could not be delivered. [*jobs.DeadLetters] is one.
type DeadLetters interface {
	// List returns at most limit dead letters behind before. Those that are not tried again come first, the newest
	// first; then those that are.
	List(ctx context.Context, before *outbox.DeadLetter, limit int) ([]outbox.DeadLetter, error)
	// Retry tries a dead letter again, Drop removes it from the list; by is the administrator. Both fail with
	// outbox.ErrNotDead.
	Retry(ctx context.Context, eventID uuid.UUID, by string) error
	Drop(ctx context.Context, eventID uuid.UUID, by string) error
	// Mend changes a dead letter and has it relayed. It fails as [*jobs.DeadLetters] says.
	Mend(ctx context.Context, eventID uuid.UUID, m *outbox.Mending, by string) (outbox.Mended, error)
}

// deadPage is the answer of GET /api/admin/outbox/dead. Next is the value of before for the next page; it is empty
// on the last page.
type deadPage struct {
	DeadLetters []outbox.DeadLetter `json:"deadLetters"`
	Next        string              `json:"next,omitempty"`
}

func (a *API) listDead(r *request) (any, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "The query is malformed.")
	}
	errs := fieldErrors{}
	limit := deadPageDefault
	if text := values.Get("limit"); text != "" {
		limit, err = strconv.Atoi(text)
		if err != nil || limit < 1 || limit > deadPageMaximum {
			errs.add("limit", fmt.Sprintf("The field must be a whole number from 1 to %d.", deadPageMaximum))
		}
	}
	var before *outbox.DeadLetter
	if text := values.Get("before"); text != "" {
		if before = outbox.ParseDeadCursor(text); before == nil {
			errs.add("before", "The field must be next of an earlier answer; leave it out to begin with the newest.")
		}
	}
	if len(errs) > 0 {
		return nil, invalid(errs)
	}
	leave, ok := a.pages.take(r.Context(), r.principal.Subject)
	if !ok {
		return nil, tooMany(tooManyPages, time.Second)
	}
	letters, err := a.cfg.DeadLetters.List(r.Context(), before, limit)
	if err != nil {
		leave()
		a.logger.ErrorContext(r.Context(), "the dead letters could not be read", slog.Any("error", err))
		return nil, unavailable("The dead letters could not be read.")
	}
	page := deadPage{DeadLetters: append([]outbox.DeadLetter{}, letters...)} // never null
	if len(letters) == limit {
		page.Next = letters[limit-1].Cursor()
	}
	for i := range page.DeadLetters {
		page.DeadLetters[i].Reason = shortened(page.DeadLetters[i].Reason)
		page.DeadLetters[i].Type = event.Type(shortened(string(page.DeadLetters[i].Type)))
	}
	answer, err := encode(page)
	return written{json: answer, sent: leave}, err
}

// shortened cuts a text that may contain a producer's input: a page has up to a thousand of them.
func shortened(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// decided is the answer to a decision about one dead letter.
type decided struct {
	Message string    `json:"message"`
	EventID uuid.UUID `json:"eventId"`
	Changed []string  `json:"changed,omitempty"` // outbox columns of a mended event
}

// deciding is an endpoint that decides about one dead letter.
func (a *API) deciding(
	message string,
	do func(DeadLetters, context.Context, uuid.UUID, string) error,
) func(*request) (any, error) {
	return func(r *request) (any, error) {
		if err := ignoreBody(r.Request); err != nil {
			return nil, err
		}
		id, ok := event.ParseID(r.PathValue("eventId"))
		if !ok {
			return nil, invalid(fieldErrors{"eventId": {"The path must hold the UUID of an event."}})
		}
		err := do(a.cfg.DeadLetters, r.Context(), id, r.principal.Subject)
		if errors.Is(err, outbox.ErrNotDead) {
			return nil, newProblem(http.StatusNotFound, "There is no dead letter of this event.")
		}
		if errors.Is(err, outbox.ErrRowLost) {
			return nil, newProblem(http.StatusConflict, "The event cannot be tried again: "+outbox.ErrRowLost.Error()+".")
		}
		if err != nil {
			a.logger.ErrorContext(
				r.Context(), "a dead letter could not be changed", slog.String("event_id", id.String()), slog.Any("error", err),
			)
			return nil, unavailable("The dead letter could not be changed.")
		}
		return decided{Message: message, EventID: id}, nil
	}
}
