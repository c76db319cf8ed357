package adminapi

import (
	"encoding/json"
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

// publication is an endpoint that turns its body into an event.
type publication struct {
	path    string
	event   event.Type
	message string
	payload func(b *body) map[string]any
}

// published is the answer to every POST. The numbers are user-count's.
type published struct {
	Message       string          `json:"message"`
	TotalUsers    json.RawMessage `json:"totalUsers,omitempty"`
	ActiveUsers   json.RawMessage `json:"activeUsers,omitempty"`
	NewUsersToday json.RawMessage `json:"newUsersToday,omitempty"`
	EventID       uuid.UUID       `json:"eventId"`
}

func publications() []publication {
	return []publication{
		{"broadcast/generation-metrics", event.GenerationMetricsUpdate, "Generation metrics broadcasted", generationMetrics},
		{"broadcast/revenue", event.RevenueUpdate, "Revenue update broadcasted", revenue},
		{"alert", event.SystemAlert, "Alert sent successfully", alert},
		{"alert/warning", event.SystemAlert, "Warning sent successfully", alertOf("warning")},
		{"alert/error", event.SystemAlert, "Error alert sent successfully", alertOf("error")},
		{"alert/performance", event.SystemAlert, "Performance alert sent successfully", performanceAlert},
		{"notify/user-action", event.UserActivityUpdate, "User action notified", userAction},
		{"notify/role-assignment", event.AdminNotification, "Role assignment notified", roleAssignment},
		{"notify/system-event", event.AdminNotification, "System event notified", systemEvent},
	}
}

func generationMetrics(b *body) map[string]any {
	return map[string]any{
		"websitesGenerated":     b.count("websitesGenerated"),
		"imagesGenerated":       b.count("imagesGenerated"),
		"failedGenerations":     b.count("failedGenerations"),
		"averageGenerationTime": b.atLeastZero("averageGenerationTime"),
	}
}

// revenue may be negative: a day can have more refunds than sales.
func revenue(b *body) map[string]any {
	return map[string]any{
		"dailyRevenue":    b.number("dailyRevenue"),
		"totalRevenue30d": b.number("totalRevenue30d"),
	}
}

func alert(b *body) map[string]any {
	return withSeverity(b, map[string]any{
		"type":    b.oneOf("type", event.AlertTypes()...),
		"message": b.text("message"),
		"data":    alertData(b),
	})
}

// alertData reads an alert's data. What becomes its severity and what a performance alert is about has a bound wherever it is given.
func alertData(b *body) any {
	data := b.object("data")
	b.short(data, "data", "severity", "metric", "threshold")
	return data
}

func alertOf(alertType string) func(b *body) map[string]any {
	return func(b *body) map[string]any {
		return withSeverity(b, map[string]any{"type": alertType, "message": b.text("message"), "data": alertData(b)})
	}
}

func performanceAlert(b *body) map[string]any {
	metric, value, threshold := b.word("metric"), b.number("value"), b.textOrNumber("threshold")
	return withSeverity(b, map[string]any{
		"type":    "warning",
		"message": fmt.Sprintf("%s is %s (threshold %v)", metric, value, threshold),
		"data":    map[string]any{"metric": metric, "value": value, "threshold": threshold},
	})
}

// withSeverity adds the severity of an alert where it is given.
func withSeverity(b *body, payload map[string]any) map[string]any {
	if b.field("severity") != nil {
		payload["severity"] = b.word("severity")
	}
	return payload
}

func userAction(b *body) map[string]any {
	return map[string]any{"userId": b.word("userId"), "action": b.word("action"), "details": b.object("details")}
}

func roleAssignment(b *body) map[string]any {
	return map[string]any{
		"type":     event.RoleAssignment,
		"userId":   b.word("userId"),
		"roleName": b.word("roleName"),
		"action":   b.oneOf("action", event.Actions()...),
	}
}

func systemEvent(b *body) map[string]any {
	return map[string]any{
		"type":        event.SystemEvent,
		"eventType":   b.word("eventType"),
		"description": b.text("description"),
		"data":        b.object("data"),
	}
}

func (a *API) publishing(p publication) func(r *request) (any, error) {
	return func(r *request) (any, error) {
		var payload map[string]any
		b, err := readBody(r.Request)
		if err == nil {
			payload = p.payload(b)
			b.extend(payload)
			err = b.err()
		}
		key, err := keyBeside(err, r.Header)
		if err != nil {
			return nil, err
		}
		id, err := a.publish(r, p.event, payload, key)
		if err != nil {
			return nil, err
		}
		return published{Message: p.message, EventID: id}, nil
	}
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
	// The outbox states what it does not take in words that are meant for the producer. After the checks above, what is left
	// is a payload that is larger as jsonb than it was as a body.
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
