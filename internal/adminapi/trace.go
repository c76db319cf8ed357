package adminapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// Tracer finds where events are. [*outbox.Tracer] is one.
type Tracer interface {
	// Story of an unknown event has the status outbox.StatusUnknown.
	Story(ctx context.Context, eventID uuid.UUID) (outbox.Story, error)
}

func (a *API) traceEvent(r *request) (any, error) {
	id, ok := event.ParseID(r.PathValue("eventId"))
	if !ok {
		return nil, invalid(fieldErrors{"eventId": {"The path must hold the UUID of an event."}})
	}
	story, err := a.cfg.Tracer.Story(r.Context(), id)
	if err != nil {
		a.logger.ErrorContext(
			r.Context(), "an event could not be traced", slog.String("event_id", id.String()), slog.Any("error", err),
		)
		return nil, unavailable("The event could not be traced.")
	}
	if story.Status == outbox.StatusUnknown {
		return nil, newProblem(
			http.StatusNotFound,
			"No event with this id has been committed, or it is older than the retention. "+outbox.UnknownAdvice,
		)
	}
	return story, nil
}
