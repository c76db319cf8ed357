package event

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// adminTypeFields lists, for each admin event, the object's fields behind timestamp, in order.
var adminTypeFields = map[Type][]string{ //nolint:gochecknoglobals // a constant table
	UserActivityUpdate:      {"userId", "action", "details"},
	AnalyticsUpdate:         {"totalUsers", "activeUsers", "websitesGenerated", "imagesGenerated", "revenue"},
	UserCountUpdate:         {"totalUsers", "activeUsers", "newUsersToday"},
	GenerationMetricsUpdate: {"websitesGenerated", "imagesGenerated", "failedGenerations", "averageGenerationTime"},
	RevenueUpdate:           {"dailyRevenue", "totalRevenue30d"},
	SystemAlert:             {"type", "message", "severity", "data"},
}

// The two forms of an AdminNotification.
const (
	RoleAssignment = "role-assignment"
	SystemEvent    = "system-event"
)

var adminNotificationFields = map[string][]string{ //nolint:gochecknoglobals // a constant table
	RoleAssignment: {"type", "userId", "roleName", "action"},
	SystemEvent:    {"type", "eventType", "description", "data"},
}

// AlertTypes lists the valid types of a SystemAlert.
func AlertTypes() []string { return []string{"info", "warning", "error", "success"} }

type field struct {
	name  string
	value json.RawMessage
}

// adminFields returns the fields of e's object in order; a field that the payload lacks is null.
func (e *Event) adminFields() ([]field, error) {
	var payload map[string]json.RawMessage
	if err := json.Unmarshal(e.Payload, &payload); err != nil {
		return nil, e.undeliverable("payload: %v", err)
	}
	names := adminTypeFields[e.Type]
	// Only these two depend on the payload's type field.
	//exhaustive:ignore
	switch e.Type {
	case SystemAlert:
		if !slices.Contains(AlertTypes(), text(payload["type"])) {
			return nil, e.undeliverable("payload: type is %s, not one of %q", orNull(payload["type"]), AlertTypes())
		}
		payload["severity"] = severity(payload)
	case AdminNotification:
		var known bool
		if names, known = adminNotificationFields[text(payload["type"])]; !known {
			return nil, e.undeliverable("payload: type is %s, not %q or %q", orNull(payload["type"]), RoleAssignment, SystemEvent)
		}
	}
	fields := make([]field, 0, len(names))
	for _, name := range names {
		fields = append(fields, field{name, orNull(payload[name])})
	}
	return fields, nil
}

func (l Logged) adminArguments(list *argumentList) error {
	fields, err := l.adminFields()
	if err != nil {
		return err
	}
	b := appendTimestamp(append(list.begin(), `{"timestamp":`...), l.OccurredOn)
	for _, f := range fields {
		b = append(b, `,"`...)
		b = append(b, f.name...)
		b = append(b, `":`...)
		b = append(b, f.value...)
	}
	b = append(b, `,"eventId":"`...)
	b = appendUUID(b, l.ID)
	b = append(b, `","sequence":`...)
	b = strconv.AppendInt(b, l.Sequence, 10)
	list.end(append(b, '}'))
	return nil
}

// severity is data.severity where given, else what the alert's type implies.
func severity(payload map[string]json.RawMessage) json.RawMessage {
	var data struct {
		Severity json.RawMessage `json:"severity"`
	}
	if json.Unmarshal(payload["data"], &data) == nil && text(data.Severity) != "" {
		return data.Severity
	}
	switch text(payload["type"]) {
	case "warning":
		return json.RawMessage(`"medium"`)
	case "error":
		return json.RawMessage(`"high"`)
	default:
		return json.RawMessage(`"low"`)
	}
}

func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

func orNull(v json.RawMessage) json.RawMessage {
	if len(bytes.TrimSpace(v)) == 0 {
		return json.RawMessage("null")
	}
	return v
}
