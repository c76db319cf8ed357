package adminapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// The published document's GET examples.
//
// Acceptance.
func TestSeedReads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	requireOK(t, b.serve(t, httptest.NewRequestWithContext(t.Context(), http.MethodGet, prefix+"health", nil)),
		`{"status":"healthy","service":"real-time","timestamp":"2026-01-20T10:30:00Z","websocketEndpoint":"/hubs/admin"}`)
	requireOK(t, b.get(t, prefix+"status"),
		`{"status":"connected","timestamp":"2026-01-20T10:30:00Z","message":"Real-time service is operational"}`)
	requireOK(t, b.get(t, prefix+"platform-snapshot"),
		`{"timestamp":"2026-01-20T10:30:00Z","data":{"totalUsers":5432,"activeUsers":234,"newUsersToday":12,
		"websitesGenerated":1203,"imagesGenerated":3847,"failedGenerations":5,"totalRevenue":98765.43,"revenueToday":1234.56,
		"setAt":"2026-01-20T10:29:00Z"}}`)
}

// The published document's POST examples, and the messages that the group's members receive.
//
// Acceptance,
//
func TestSeedPublications(t *testing.T) {
	t.Parallel()
	for endpoint, test := range map[string]struct {
		body      string
		message   string
		numbers   string // fields of the answer beside message and eventId
		group     event.Group
		method    string
		broadcast string // the argument's fields between timestamp and eventId
	}{
		"broadcast/platform-update": {
			message: "Platform update broadcasted", group: event.Analytics, method: "AnalyticsUpdate",
			broadcast: `"totalUsers":5432,"activeUsers":234,"websitesGenerated":1203,"imagesGenerated":3847,"revenue":98765.43`,
		},
		"broadcast/user-count": {
			message: "User count update broadcasted", group: event.Analytics, method: "UserCountUpdate",
			numbers:   `"totalUsers":5432,"activeUsers":234,"newUsersToday":12,`,
			broadcast: `"totalUsers":5432,"activeUsers":234,"newUsersToday":12`,
		},
		"broadcast/generation-metrics": {
			body:    `{"websitesGenerated": 125, "imagesGenerated": 342, "failedGenerations": 5, "averageGenerationTime": 4.2}`,
			message: "Generation metrics broadcasted", group: event.Analytics, method: "GenerationMetricsUpdate",
			broadcast: `"websitesGenerated":125,"imagesGenerated":342,"failedGenerations":5,"averageGenerationTime":4.2`,
		},
		"broadcast/revenue": {
			body:    `{"dailyRevenue": 1250.75, "totalRevenue30d": 35420.50}`,
			message: "Revenue update broadcasted", group: event.Analytics, method: "RevenueUpdate",
			broadcast: `"dailyRevenue":1250.75,"totalRevenue30d":35420.50`,
		},
		"alert": {
			body: `{"type": "info", "message": "Test alert from API",
				"data": {"timestamp": "2025-10-17T10:30:00Z", "severity": "low"}}`,
			message: "Alert sent successfully", group: event.Alerts, method: "SystemAlert",
			broadcast: `"type":"info","message":"Test alert from API","severity":"low",` +
				`"data":{"severity":"low","timestamp":"2025-10-17T10:30:00Z"}`,
		},
		"alert/warning": {
			body: `{"message": "System performance degradation detected",
				"data": {"cpuUsage": 92, "memoryUsage": 88, "threshold": 85}}`,
			message: "Warning sent successfully", group: event.Alerts, method: "SystemAlert",
			broadcast: `"type":"warning","message":"System performance degradation detected","severity":"medium",` +
				`"data":{"cpuUsage":92,"memoryUsage":88,"threshold":85}`,
		},
		"alert/error": {
			body: `{"message": "API rate limit exceeded for multiple users",
				"data": {"affectedUsers": 3, "limitExceeded": "1000 req/hour"}}`,
			message: "Error alert sent successfully", group: event.Alerts, method: "SystemAlert",
			broadcast: `"type":"error","message":"API rate limit exceeded for multiple users","severity":"high",` +
				`"data":{"affectedUsers":3,"limitExceeded":"1000 req/hour"}`,
		},
		"alert/performance": {
			body:    `{"metric": "ApiResponseTime", "value": 2500, "threshold": "2000ms"}`,
			message: "Performance alert sent successfully", group: event.Alerts, method: "SystemAlert",
			broadcast: `"type":"warning","message":"ApiResponseTime is 2500 (threshold 2000ms)","severity":"medium",` +
				`"data":{"metric":"ApiResponseTime","threshold":"2000ms","value":2500}`,
		},
		"notify/user-action": {
			body: `{"userId": "550e8400-e29b-41d4-a716-446655440000", "action": "website_generated",
				"details": {"projectId": "proj-12345", "templateId": "tmpl-789", "generationTime": 3.5}}`,
			message: "User action notified", group: event.UserActivity, method: "UserActivityUpdate",
			broadcast: `"userId":"550e8400-e29b-41d4-a716-446655440000","action":"website_generated",` +
				`"details":{"generationTime":3.5,"projectId":"proj-12345","templateId":"tmpl-789"}`,
		},
		"notify/role-assignment": {
			body:    `{"userId": "550e8400-e29b-41d4-a716-446655440000", "roleName": "Moderator", "action": "assigned"}`,
			message: "Role assignment notified", group: event.Admins, method: "AdminNotification",
			broadcast: `"type":"role-assignment","userId":"550e8400-e29b-41d4-a716-446655440000",` +
				`"roleName":"Moderator","action":"assigned"`,
		},
		"notify/system-event": {
			body: `{"eventType": "database_maintenance", "description": "Scheduled maintenance completed successfully",
				"data": {"duration": "15 minutes", "affectedServices": ["auth-service", "generator-service"], "status": "completed"}}`,
			message: "System event notified", group: event.Admins, method: "AdminNotification",
			broadcast: `"type":"system-event","eventType":"database_maintenance",` +
				`"description":"Scheduled maintenance completed successfully",` +
				`"data":{"affectedServices":["auth-service","generator-service"],"duration":"15 minutes","status":"completed"}`,
		},
	} {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := b.post(t, endpoint, test.body)

			require.Len(t, b.outbox.all(), 1, w.Body)
			published := b.outbox.all()[0]
			requireOK(t, w, fmt.Sprintf(`{%s"message":%q,"eventId":%q}`, test.numbers, test.message, published.ID))
			require.Equal(t, test.group, published.Group)
			invocation, err := published.Invocation(event.Plain)
			require.NoError(t, err)
			require.Equal(t, test.method, invocation.Method)
			require.Len(t, invocation.Arguments, 1)
			inOrder := fmt.Sprintf(
				`{"timestamp":"2026-01-20T10:30:00Z",%s,"eventId":%q,"sequence":1}`, test.broadcast, published.ID,
			)
			require.Equal(t, inOrder, string(invocation.Arguments[0]))
		})
	}
}

// The document's lists of values: each value is accepted, and reaches clients unchanged.
//
// Acceptance.
func TestEveryAlertTypeAndEveryAction(t *testing.T) {
	t.Parallel()
	for endpoint, test := range map[string]struct {
		field, body string
		values      map[string]string // with the severity that follows from it, or empty
	}{
		"alert": {
			"type", `{"type":%q,"message":"m"}`,
			map[string]string{"info": "low", "success": "low", "warning": "medium", "error": "high"},
		},
		"notify/role-assignment": {
			"action", `{"userId":"u","roleName":"Moderator","action":%q}`, map[string]string{"assigned": "", "revoked": ""},
		},
	} {
		for value, severity := range test.values {
			b := setup(t)
			require.Equal(t, http.StatusOK, b.post(t, endpoint, fmt.Sprintf(test.body, value)).Code)
			invocation, err := b.outbox.all()[0].Invocation(event.Plain)
			require.NoError(t, err)
			var object map[string]any
			require.NoError(t, json.Unmarshal(invocation.Arguments[0], &object))
			require.Equal(t, value, object[test.field])
			if severity != "" {
				require.Equal(t, severity, object["severity"], value)
			}
		}
	}
}

// Acceptance.
func TestOptionalFieldsMayBeMissingOrNull(t *testing.T) {
	t.Parallel()
	for endpoint, bodies := range map[string][]string{
		"alert":               {`{"type":"success","message":"m"}`, `{"type":"success","message":"m","data":null}`},
		"alert/warning":       {`{"message":"m"}`, `{"message":"m","data":null}`},
		"alert/error":         {`{"message":"m"}`},
		"notify/user-action":  {`{"userId":"u","action":"a"}`, `{"userId":"u","action":"a","details":null}`},
		"notify/system-event": {`{"eventType":"t","description":"d"}`},
		"broadcast/revenue":   {`{"dailyRevenue":-12.5,"totalRevenue30d":0,"extra":{"ignored":true}}`},
		"alert/performance":   {`{"metric":"m","value":0.5,"threshold":0.25}`},
	} {
		b := setup(t)
		for _, body := range bodies {
			w := b.post(t, endpoint, body)
			require.Equal(t, http.StatusOK, w.Code, "%s %s: %s", endpoint, body, w.Body)
		}
	}
}

// Acceptance.
func TestSeverityGivenWithAnAlertStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, http.StatusOK, b.post(t, "alert/warning", `{"message":"m","data":{"severity":"high"}}`).Code)
	invocation, err := b.outbox.all()[0].Invocation(event.Plain)
	require.NoError(t, err)
	var alert struct{ Type, Severity string }
	require.NoError(t, json.Unmarshal(invocation.Arguments[0], &alert))
	require.Equal(t, "warning", alert.Type)
	require.Equal(t, "high", alert.Severity)
}
