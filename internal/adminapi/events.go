package adminapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// pageDefault is how many events a page holds if the client does not say.
const pageDefault = 100

// PageBytes is the most that the events of one page take, unless there is only one: as payloads in memory, and as
// bytes sent to the client.
const PageBytes = 1 << 20

// pageQuery holds the client's parameters.
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
	leave, ok := a.pages.take(r.Context(), r.principal.Subject)
	if !ok {
		return nil, tooMany(tooManyPages, time.Second)
	}
	page, err := a.page(r, query)
	if err != nil {
		leave()
		return nil, err
	}
	return written{json: page, sent: leave}, nil
}

// page returns the answer of GET /api/realtime/events, which ends before the first event that would not fit.
func (a *API) page(r *request, query pageQuery) ([]byte, error) {
	if err := a.authorize(r.Context(), r.principal, query.group); err != nil {
		return nil, err
	}
	status, last, entries, err := a.replay(r.Context(), query)
	if err != nil {
		a.logger.ErrorContext(r.Context(), "the event log could not be read", slog.Any("error", err))
		return nil, unavailable("The event log could not be read.")
	}
	var events []byte
	for _, entry := range entries {
		// An event that cannot be encoded is set aside before it gets its place in the log, so only another release can
		// have put one there. If a newer release may know its type, the request fails, and a node of that release will
		// answer: leaving the event out would be a silent hole. An event that no client can ever read is skipped, as in a
		// hub.
		longer, err := appendPageEvent(events, entry)
		if err != nil && entry.Type.Family() != event.Unknown {
			a.logger.ErrorContext(r.Context(), "event passed over", slog.Any("event", entry.Event), slog.Any("error", err))
			last = entry.ID
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("encoding a page of events: %w", err)
		}
		if len(events) > 0 && len(longer) > PageBytes-pageFrameBytes {
			break
		}
		events, last = longer, entry.ID
	}
	page := make([]byte, 0, len(events)+pageFrameBytes)
	page = fmt.Appendf(page, `{"status":%q,"lastEventId":%q,"events":[`, status, last)
	return append(append(page, events...), ']', '}', '\n'), nil
}

// pageFrameBytes has room for the JSON around a page's events.
const pageFrameBytes = 128

// appendPageEvent appends an event as a member of the group would have received it. The payload is not decoded and
// encoded again, so every value is as in the database.
func appendPageEvent(b []byte, entry event.Logged) ([]byte, error) {
	if len(b) > 0 {
		b = append(b, ',')
	}
	b = fmt.Appendf(
		b, `{"eventId":%q,"sequence":%d,"method":%q,"arguments":[`, entry.ID, entry.Sequence, entry.Type.Method(),
	)
	b, err := entry.AppendArguments(b, event.Plain)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(b, `],"occurredOnUtc":%q}`, entry.OccurredOn.UTC().Format(time.RFC3339Nano)), nil
}

// replay reads the log, under a bound of concurrent reads.
func (a *API) replay(
	ctx context.Context,
	query pageQuery,
) (status string, last uuid.UUID, entries []event.Logged, err error) {
	if err := a.reading.Acquire(ctx, 1); err != nil {
		return "", uuid.Nil, nil, fmt.Errorf("waiting for the other pages: %w", err)
	}
	defer a.reading.Release(1)
	return a.cfg.Replayer.Replay(ctx, query.group, query.after, query.limit)
}

func (a *API) pageQuery(raw string) (pageQuery, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return pageQuery{}, newProblem(http.StatusBadRequest, "The query is malformed.")
	}
	if hub := event.HubNamed(values.Get("hub")); hub != nil && hub.Setting != "" && !a.cfg.TeamCart {
		return pageQuery{}, newProblem(http.StatusNotFound, "The team cart hub is switched off.")
	}
	errs := fieldErrors{}
	query := pageQuery{limit: pageDefault}
	query.group = groupOf(values.Get("hub"), values.Get("resource"), errs)
	if after := values.Get("after"); after != "" {
		id, ok := event.ParseID(after)
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

// groupOf is the group of a hub's name and a resource: an id if the hub's groups belong to resources, else the
// group's name.
func groupOf(name, resource string, errs fieldErrors) event.Group {
	hub := event.HubNamed(name)
	if hub == nil {
		errs.add("hub", "The field must be one of: "+strings.Join(event.HubNames(), ", ")+".")
		if resource == "" {
			errs.add("resource", "The field is required.")
		}
		return event.Group{}
	}
	if kind := hub.Groups[0]; kind.Resource != "" {
		id, ok := event.ParseID(resource)
		if !ok {
			errs.add("resource", "The field must be a UUID.")
		}
		return kind.Group(id)
	}
	var names, joinedByAll []string
	for _, kind := range hub.Groups {
		switch {
		case kind.Name == resource:
			return kind.Group(uuid.Nil)
		case kind.JoinedByAll:
			joinedByAll = append(joinedByAll, kind.Name)
		default:
			names = append(names, kind.Name)
		}
	}
	errs.add("resource", "The field must be one of: "+strings.Join(append(names, joinedByAll...), ", ")+".")
	return event.Group{}
}
