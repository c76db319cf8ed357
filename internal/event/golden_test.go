package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

var (
	eventID      = uuid.MustParse("2b3f90a2-2c1c-4a64-a20f-2a2d0cdbb4f1")
	orderID      = uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479")
	restaurantID = uuid.MustParse("f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e")
	cartID       = uuid.MustParse("0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11")
	occurred     = time.Date(2025, 1, 20, 10, 5, 0, 0, time.UTC)
)

// sequence is the sequence of every event here.
const sequence = 7

func orderEvent(eventType event.Type, payload string) *event.Event {
	return &event.Event{
		ID: eventID, Type: eventType, ResourceID: orderID, RestaurantID: restaurantID, CustomerID: "user-1",
		Audience: event.Both,
		Payload:  json.RawMessage(payload), OccurredOn: occurred,
	}
}

func cartEvent(eventType event.Type, payload string) *event.Event {
	return &event.Event{
		ID: eventID, Type: eventType, ResourceID: cartID, Payload: json.RawMessage(payload), OccurredOn: occurred,
	}
}

func adminEvent(eventType event.Type, payload string) *event.Event {
	return &event.Event{ID: eventID, Type: eventType, Payload: json.RawMessage(payload), OccurredOn: occurred}
}

func invoke(t *testing.T, e *event.Event, shape event.Shape) event.Invocation {
	t.Helper()
	groups, err := e.Groups()
	require.NoError(t, err)
	logged := event.Logged{Event: e, Group: groups[0], Position: 9, Sequence: sequence}
	inv, err := logged.Invocation(shape)
	require.NoError(t, err)
	appended, err := logged.AppendArguments([]byte("["), shape)
	require.NoError(t, err)
	listed := make([][]byte, len(inv.Arguments))
	for i, argument := range inv.Arguments {
		listed[i] = argument
	}
	require.Equal(t, "["+string(bytes.Join(listed, []byte(","))), string(appended))
	return inv
}

const (
	placed    = `{"orderNumber": "YZ-1024", "status": "Placed"}`
	preparing = `{"orderNumber": "YZ-1024", "status": "Preparing", "lastUpdateTimestamp": "2025-01-20T10:05:00.000000Z",
		"estimatedDeliveryTime": "2025-01-20T10:35:00.000000Z", "actualDeliveryTime": null, "deliveredAt": null}`
	delivered = `{"orderNumber": "YZ-\"1024\" <&> ü \u2028", "status": "Delivered", "lastUpdateTimestamp": "2025-01-20T17:36:00.25+07:00",
		"estimatedDeliveryTime": "2025-01-20T10:35:00Z", "actualDeliveryTime": "2025-01-20T10:36:00.123456789Z",
		"deliveredAt": "2025-01-20T10:36:00.1200Z"}`
	// As PostgreSQL prints it. A name of Herald's own is not the producer's to use; the same name in another case is.
	extras = `{"note": "ü \u0001 \"<&>\"", "total": 12.500, "status": "Placed", "EventId": "x", "eventId": "mine", "orderId": 1, "huge": 1e400,
		"sequence": -1, "deliveredat": "yesterday", "orderNumber": "YZ-1024", "ordernumber": "other", "restaurantId": null, "occurredOnUtc": [],
		"big": 123456789012345678901234567890, "items": [{"sku": "A",  "qty": 2}, {}], "a\"b": null, "lastUpdateTimestamp": null}`
)

// goldens returns the events whose invocations testdata/golden keeps: the catalogue's example of every type and
// form, and special cases.
func goldens() map[string]*event.Event {
	all := special()
	for _, eventType := range event.Types() {
		for _, form := range eventType.Forms() {
			all[strings.TrimSuffix("example-"+string(eventType)+"-"+form, "-")] = example(eventType, form)
		}
	}
	return all
}

// example returns the catalogue's example of a type.
func example(eventType event.Type, form string) *event.Event {
	payload := string(eventType.Example(form, true))
	switch eventType.Family() {
	case event.Order:
		return orderEvent(eventType, payload)
	case event.TeamCart:
		return cartEvent(eventType, payload)
	default:
		return adminEvent(eventType, payload)
	}
}

func special() map[string]*event.Event {
	return map[string]*event.Event{
		"order-placed":            orderEvent(event.OrderPlaced, placed),
		"order-payment-succeeded": orderEvent(event.OrderPaymentSucceeded, preparing),
		"order-payment-failed": orderEvent(
			event.OrderPaymentFailed, `{"orderNumber": "0", "status": "?", "deliveredAt": null}`,
		),
		"order-status-changed": orderEvent(event.OrderStatusChanged, preparing),
		"order-delivered":      orderEvent(event.OrderStatusChanged, delivered),
		"order-extras":         orderEvent(event.OrderPlaced, extras),

		"cart-updated": cartEvent(event.CartUpdated, `{"ignored": 1}`),
		"cart-locked":  cartEvent(event.CartLocked, `{}`),
		"cart-payment": cartEvent(
			event.CartPaymentEvent, `{"userId": "550e8400-e29b-41d4-a716-446655440000", "status": "Paid \"online\""}`,
		),
		"cart-ready-to-confirm": cartEvent(event.CartReadyToConfirm, `{}`),
		"cart-payment-id": cartEvent(
			event.CartPaymentEvent, `{"userId": "550E8400-E29B-41D4-A716-446655440000", "status": "Paid"}`,
		),
		"cart-payment-other-id": cartEvent(event.CartPaymentEvent, `{"userId": "auth0|5F7C", "status": "Paid"}`),
		"cart-converted":        cartEvent(event.CartConverted, `{"orderId": "f47ac10b-58cc-4372-a567-0e02b2c3d479"}`),
		"cart-converted-upper":  cartEvent(event.CartConverted, `{"orderId": "F47AC10B-58CC-4372-A567-0E02B2C3D479"}`),
		"cart-converted-braces": cartEvent(event.CartConverted, `{"orderId": "{F47AC10B-58CC-4372-A567-0E02B2C3D479}"}`),
		"cart-expired":          cartEvent(event.CartExpired, `{}`),

		"user-activity": adminEvent(event.UserActivityUpdate, `{"userId": "550e8400-e29b-41d4-a716-446655440000",
			"action": "website_generated", "details": {"projectId": "proj-12345", "generationTime": 3.5}}`),
		"analytics": adminEvent(event.AnalyticsUpdate, `{"totalUsers": 5432, "activeUsers": 234, "websitesGenerated": 1203,
			"imagesGenerated": 3847, "revenue": 12345.67}`),
		"user-count": adminEvent(
			event.UserCountUpdate, `{"totalUsers": 5432, "activeUsers": 234, "newUsersToday": 12}`,
		),
		"generation-metrics": adminEvent(
			event.GenerationMetricsUpdate,
			`{"websitesGenerated": 125, "imagesGenerated": 342, "failedGenerations": 5, "averageGenerationTime": 4.20}`,
		),
		"revenue": adminEvent(event.RevenueUpdate, `{"dailyRevenue": 1250.75, "totalRevenue30d": 35420.50}`),
		"revenue-extras": adminEvent(
			event.RevenueUpdate,
			`{"currency": "USD", "timestamp": "the event's own", "dailyRevenue": 1, "totalRevenue30d": 2, "eventId": 3}`,
		),
		"alert": adminEvent(
			event.SystemAlert, `{"type": "info", "message": "Test alert from API", "data": {"severity": "low"}}`,
		),
		"alert-severity": adminEvent(
			event.SystemAlert,
			`{"data": {"severity": "low"}, "type": "info", "host": {"name": "db-1"}, "message": "m", "severity": "critical"}`,
		),
		"alert-without-data": adminEvent(event.SystemAlert, `{"type": "error", "message": "API rate limit exceeded"}`),
		"role-assignment": adminEvent(
			event.AdminNotification, `{"type": "role-assignment", "userId": "550e8400-e29b-41d4-a716-446655440000",
			"roleName": "Moderator", "action": "assigned", "description": "beyond this form"}`),
		"system-event": adminEvent(event.AdminNotification, `{"type": "system-event", "eventType": "database_maintenance",
			"description": "Scheduled maintenance completed successfully", "data": {"duration": "15 minutes"}}`),
	}
}

// The bytes that clients receive. A change here changes the wire, and every replayed event that was logged before.
//
// Acceptance.
func TestInvocationsAreTheGoldenOnes(t *testing.T) {
	t.Parallel()
	for name, e := range goldens() {
		for shape, suffix := range map[event.Shape]string{event.Plain: "", event.WithCursor: "-with-cursor"} {
			if int(shape) >= e.Type.Shapes() {
				require.Equal(t, invoke(t, e, event.Plain), invoke(t, e, shape), "%s has one shape", name)
				continue
			}
			inv := invoke(t, e, shape)
			var got bytes.Buffer
			got.WriteString(inv.Method + "\n")
			for _, argument := range inv.Arguments {
				require.True(t, json.Valid(argument), "%s: %s", name, argument)
				got.Write(append(argument, '\n'))
			}
			file := filepath.Join("testdata", "golden", name+suffix+".txt")
			if *update {
				require.NoError(t, os.WriteFile(file, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String(), file)
		}
	}
}

// Acceptance: A-068.
func TestEveryTypeHasAGoldenFile(t *testing.T) {
	t.Parallel()
	covered := map[event.Type]bool{}
	for _, e := range goldens() {
		covered[e.Type] = true
	}
	for _, eventType := range event.Types() {
		require.True(t, covered[eventType], eventType)
	}
	files, err := filepath.Glob("testdata/golden/*.txt")
	require.NoError(t, err)
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".txt"), "-with-cursor")
		require.Contains(t, goldens(), name, "a file that belongs to no event")
	}
}
