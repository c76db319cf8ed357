package adminapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// pageDefault is how many events a page holds where the client does not say.
const pageDefault = 100

// page is the answer of GET /api/realtime/events.
type page struct {
	Status      string      `json:"status"`
	LastEventID uuid.UUID   `json:"lastEventId"`
	Events      []pageEvent `json:"events"`
}

// pageEvent is an event as a member of the group would have received it.
type pageEvent struct {
	EventID       uuid.UUID         `json:"eventId"`
	Sequence      int64             `json:"sequence"`
	Method        string            `json:"method"`
	Arguments     []json.RawMessage `json:"arguments"`
	OccurredOnUTC time.Time         `json:"occurredOnUtc"`
}

// pageQuery is what the client asks for.
type pageQuery struct {
	group event.Group
	after *uuid.UUID // nil: from now on
	limit int
}

func (a *API) events(r *request) (any, error) {
	query, err := a.pageQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if err := a.authorize(r.Context(), r.principal, query.group); err != nil {
		return nil, err
	}
	status, last, entries, err := a.cfg.Replayer.Replay(r.Context(), query.group, query.after, query.limit)
	if err != nil {
		a.logger.ErrorContext(r.Context(), "the event log could not be read", slog.Any("error", err))
		return nil, unavailable("The event log could not be read.")
	}
	answer := page{Status: status, LastEventID: last, Events: make([]pageEvent, 0, len(entries))}
	for _, entry := range entries {
		// An event that cannot be encoded is set aside before it gets its place in the log, so this fails the request: to
		// leave it out would be a hole that nobody is told of.
		invocation, err := entry.Invocation(event.Plain)
		if err != nil {
			return nil, fmt.Errorf("encoding a page of events: %w", err)
		}
		if invocation.Arguments == nil {
			invocation.Arguments = []json.RawMessage{}
		}
		answer.Events = append(answer.Events, pageEvent{
			EventID:       entry.ID,
			Sequence:      entry.Sequence,
			Method:        invocation.Method,
			Arguments:     invocation.Arguments,
			OccurredOnUTC: entry.OccurredOn.UTC(),
		})
	}
	return answer, nil
}

func (a *API) pageQuery(raw string) (pageQuery, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return pageQuery{}, newProblem(http.StatusBadRequest, "The query is malformed.")
	}
	if values.Get("hub") == "teamcart" && !a.cfg.TeamCart {
		return pageQuery{}, newProblem(http.StatusNotFound, "The team cart hub is switched off.")
	}
	errs := fieldErrors{}
	query := pageQuery{limit: pageDefault}
	query.group = groupOf(values.Get("hub"), values.Get("resource"), errs)
	if after := values.Get("after"); after != "" {
		id, ok := parseID(after)
		if !ok {
			errs.add("after", "The field must be the UUID of an event; leave it out to begin with the next one.")
		}
		query.after = &id
	}
	if limit := values.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 {
			errs.add("limit", "The field must be a whole number from 1.")
		}
		query.limit = n
	}
	if len(errs) > 0 {
		return pageQuery{}, invalid(errs)
	}
	query.limit = min(query.limit, a.cfg.ReplayLimit)
	return query, nil
}

func groupOf(hub, resource string, errs fieldErrors) event.Group {
	byID := func(group func(uuid.UUID) event.Group) event.Group {
		id, ok := parseID(resource)
		if !ok {
			errs.add("resource", "The field must be a UUID.")
		}
		return group(id)
	}
	switch hub {
	case "customer-orders":
		return byID(event.OrderGroup)
	case "restaurant-orders":
		return byID(event.RestaurantGroup)
	case "teamcart":
		return byID(event.TeamCartGroup)
	case "admin":
		switch group := event.Group(resource); group {
		case event.UserActivity, event.Analytics, event.Alerts, event.Admins:
			return group
		default:
			errs.add("resource", "The field must be one of: user-activity, analytics, alerts, admins.")
		}
	default:
		errs.add("hub", "The field must be one of: customer-orders, restaurant-orders, teamcart, admin.")
		if resource == "" {
			errs.add("resource", "The field is required.")
		}
	}
	return ""
}
