package event_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// published returns the text between start and end in one of the two published documents.
func published(t *testing.T, document, start, end string) string {
	t.Helper()
	text, err := os.ReadFile("../../testdata/seeds/" + document)
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), start)
	require.True(t, found, start)
	part, _, found := strings.Cut(rest, end)
	require.True(t, found, end)
	return part
}

// The published order payload, field for field and in its order, with sequence behind it.
//
// Acceptance.
func TestOrderPayloadIsThePublishedOne(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	require.NoError(t, json.Compact(
		&want,
		[]byte(published(t, "realtime-events-api.md", "##### Payload: `OrderStatusBroadcastDto`\n\n```json", "```")),
	))
	for _, eventType := range []event.Type{
		event.OrderPlaced, event.OrderPaymentSucceeded, event.OrderPaymentFailed, event.OrderStatusChanged,
	} {
		inv := invoke(t, orderEvent(eventType, preparing), event.Plain)
		require.Equal(t, "Receive"+string(eventType), inv.Method)
		require.Len(t, inv.Arguments, 1)
		require.Equal(t, strings.TrimSuffix(want.String(), "}")+`,"sequence":7}`, string(inv.Arguments[0]))
	}
}

// The published signatures of the team cart's events: the method's name and as many arguments as it has parameters.
//
// Acceptance.
func TestTeamCartInvocationsAreThePublishedOnes(t *testing.T) {
	t.Parallel()
	payloads := map[string]*event.Event{
		"ReceiveCartUpdated":    cartEvent(event.CartUpdated, `{}`),
		"ReceiveLocked":         cartEvent(event.CartLocked, `{}`),
		"ReceivePaymentEvent":   cartEvent(event.CartPaymentEvent, `{"userId": "u", "status": "s"}`),
		"ReceiveReadyToConfirm": cartEvent(event.CartReadyToConfirm, `{}`),
		"ReceiveConverted":      cartEvent(event.CartConverted, `{"orderId": "f47ac10b-58cc-4372-a567-0e02b2c3d479"}`),
		"ReceiveExpired":        cartEvent(event.CartExpired, `{}`),
	}
	list := published(t, "realtime-events-api.md", "Event names published to TeamCart subscribers:", "Note:")
	signatures := regexp.MustCompile("- `(\\w+)\\((.*)\\)`").FindAllStringSubmatch(list, -1)
	require.Len(t, signatures, len(payloads))
	for _, signature := range signatures {
		e, known := payloads[signature[1]]
		require.True(t, known, signature[1])
		plain := invoke(t, e, event.Plain)
		require.Equal(t, signature[1], plain.Method)
		parameters := strings.Count(signature[2], ":")
		require.Len(t, plain.Arguments, parameters)
		require.Len(t, invoke(t, e, event.WithCursor).Arguments, parameters+1)
	}
}

// The fields that the document shows to a listener of the admin hub are there.
//
// Acceptance.
func TestAdminObjectsHaveThePublishedFields(t *testing.T) {
	t.Parallel()
	for _, e := range []*event.Event{
		goldens()["user-activity"], goldens()["analytics"], goldens()["user-count"], goldens()["alert"],
	} {
		listener := published(t, "admin-realtime-api.md", `connection.on("`+string(e.Type)+`"`, "});")
		_, shown, found := strings.Cut(listener, "// {")
		require.True(t, found, e.Type)
		fields := regexp.MustCompile(`(\w+):(?: |$)`).FindAllStringSubmatch(shown, -1)
		require.GreaterOrEqual(t, len(fields), 3)
		object := object(t, invoke(t, e, event.Plain))
		for _, field := range fields {
			require.Contains(t, object, field[1], e.Type)
		}
	}
}

// With the document's request bodies as payloads, every value arrives as it was sent.
//
// Acceptance: A-255.
func TestAdminObjectsCarryThePublishedBodies(t *testing.T) {
	t.Parallel()
	for path, test := range map[string]struct {
		eventType event.Type
		form      string // the body leaves it to the endpoint's path
		severity  string
	}{
		"broadcast/generation-metrics": {eventType: event.GenerationMetricsUpdate},
		"broadcast/revenue":            {eventType: event.RevenueUpdate},
		"alert":                        {eventType: event.SystemAlert, severity: "low"},
		"alert/warning":                {eventType: event.SystemAlert, form: "warning", severity: "medium"},
		"alert/error":                  {eventType: event.SystemAlert, form: "error", severity: "high"},
		"notify/user-action":           {eventType: event.UserActivityUpdate},
		"notify/role-assignment":       {eventType: event.AdminNotification, form: "role-assignment"},
		"notify/system-event":          {eventType: event.AdminNotification, form: "system-event"},
	} {
		body := published(
			t,
			"admin-realtime-api.md",
			"POST /api/admin/realtime/"+path+"\nAuthorization: Bearer {token}\nContent-Type: application/json\n",
			"```",
		)
		var want map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		if test.form != "" {
			want["type"] = test.form
		}
		payload, err := json.Marshal(want)
		require.NoError(t, err)
		inv := invoke(t, adminEvent(test.eventType, string(payload)), event.Plain)
		require.Equal(t, string(test.eventType), inv.Method)
		if test.severity != "" {
			want["severity"] = test.severity
		}
		want["timestamp"], want["eventId"], want["sequence"] = "2025-01-20T10:05:00Z", eventID.String(), float64(sequence)
		require.Equal(t, want, object(t, inv), path)
	}
}

func object(t *testing.T, inv event.Invocation) map[string]any {
	t.Helper()
	require.Len(t, inv.Arguments, 1)
	var object map[string]any
	require.NoError(t, json.Unmarshal(inv.Arguments[0], &object))
	return object
}
