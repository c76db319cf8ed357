package hubs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// jsCall is a call that the published client makes; see received.mjs.
type jsCall struct {
	URL    string `json:"url"`
	Token  string `json:"token"`
	Method string `json:"method"`
	Args   []any  `json:"args"`
}

// handled runs the published client. It returns the calls of its handlers, "name(values)" each, and the results.
func handled(t *testing.T, protocol string, calls []jsCall) (lines []string) {
	t.Helper()
	const installed = "../test/conformance/client"
	_, err := os.Stat(installed + "/node_modules/@microsoft/signalr-protocol-msgpack")
	require.NoError(
		t, err, "the published client is not installed: run `make test`, or `npm ci` in internal/test/conformance/client",
	)
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
	defer cancel()
	listed, err := json.Marshal(calls)
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, "node", "received.mjs", protocol, string(listed))
	cmd.Dir, cmd.Stderr = installed, os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	for line := range bytes.Lines(out) {
		var said struct{ Name, Text string }
		require.NoError(t, json.Unmarshal(line, &said))
		lines = append(lines, said.Name+"("+said.Text+")")
	}
	return lines
}

// Over each protocol, a page's handlers get exactly what docs/messagepack.md says.
//
// Acceptance: A-493.
func TestWhatAJavaScriptHandlerGetsIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/messagepack.md")
	require.NoError(t, err)
	documented := strings.Join(strings.Fields(string(text)), " ") // the document may break a line at a space
	at := time.Date(2026, 1, 20, 10, 0, 0, 0, time.UTC)
	id := numbered(1)
	n := func(text string) json.RawMessage { return json.RawMessage(text) }
	s := setup(t)
	s.stats.set.Store(&outbox.PlatformStats{
		TotalUsers: n("5432"), ActiveUsers: n("234"), NewUsersToday: n("12"), WebsitesGenerated: n("1203"),
		ImagesGenerated: n("3847"), FailedGenerations: n("5"), TotalRevenue: n("98765.43"), RevenueToday: n("1234.00"),
		SetAt: at,
	})
	order, cart := event.OrderGroup(id), event.TeamCartGroup(id)
	for g, e := range map[event.Group]event.Event{
		order: {
			Type: event.OrderStatusChanged, ResourceID: id, RestaurantID: numbered(2),
			OccurredOn: at.Add(250 * time.Millisecond),
			Payload: n(`{"orderNumber": "YZ-1024", "status": "Preparing", "lastUpdateTimestamp": "2026-01-20T10:00:00.123456Z",
				"estimatedDeliveryTime": "2026-01-20T10:35:00Z", "total": 12.50, "slot": "2026-01-20T11:00:00Z"}`),
		},
		cart: {
			Type: event.CartPaymentEvent, ResourceID: id, OccurredOn: at,
			Payload: n(`{"userId": "00000000-0000-4000-8000-000000000009", "status": "Paid"}`),
		},
		event.Analytics: {
			Type: event.RevenueUpdate, OccurredOn: at, Payload: n(`{"dailyRevenue": 1250.75, "totalRevenue30d": 35420.00}`),
		},
		event.Alerts: {
			Type: event.SystemAlert, OccurredOn: at,
			Payload: n(
				`{"type": "warning", "message": "cpu is high", "data": {"metric": "cpu", "value": 0.5, "at": "2026-01-20T10:00:00Z"}}`,
			),
		},
	} {
		e.ID = numbered(3)
		require.NoError(t, s.b.Broadcast(t.Context(), []event.Logged{s.log.append(g, &e)}))
	}
	token := s.token(
		auth.Grant{Subject: "boss", Roles: []string{"Admin"}, Permissions: []string{order.String(), cart.String()}},
	)
	calls := []jsCall{
		{s.url + event.CustomerOrdersPath, token, "ResumeOrder", []any{id, uuid.Nil}},
		{s.url + event.TeamCartPath, token, "ResumeCart", []any{id, uuid.Nil, true}},
		{s.url + event.AdminPath, token, "ResumeAnalytics", []any{uuid.Nil}},
		{s.url + event.AdminPath, token, "ResumeAlerts", []any{uuid.Nil}},
		{s.url + event.AdminPath, token, "GetPlatformStats", []any{}},
		{s.url + event.AdminPath, token, "SendTestMessage", []any{1}},
	}
	for _, protocol := range []string{"json", "messagepack"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			times, names := `'[0-9T:.-]+Z'`, []string{"connectionId", "timestamp", "message", "type"}
			if protocol == "messagepack" {
				times, names = `new Date\('[0-9T:.-]+Z'\)`, []string{"ConnectionId", "Timestamp", "Message", "Type"}
			}
			var said []string
			for _, line := range handled(t, protocol, calls) {
				switch {
				case strings.HasPrefix(line, "ConnectionEstablished("):
					require.Regexp(
						t,
						`^ConnectionEstablished\({ `+names[0]+`: '[^']+', `+names[1]+": "+times+`, `+names[2]+`: 'Connected to admin hub' }\)$`,
						line,
					)
				case strings.HasPrefix(line, "ErrorOccurred("):
					require.Regexp(
						t, `^ErrorOccurred\({ `+names[3]+`: 'error', `+names[2]+`: 'Failed .*', `+names[1]+": "+times+` }\)$`, line,
					)
				case !strings.HasPrefix(line, "error("):
					require.Contains(t, documented, line)
				}
				name, _, _ := strings.Cut(line, "(")
				said = append(said, name)
			}
			require.Equal(t, strings.Fields(
				`ReceiveOrderStatusChanged result ReceivePaymentEvent result ConnectionEstablished RevenueUpdate result
				ConnectionEstablished SystemAlert result ConnectionEstablished result ConnectionEstablished ErrorOccurred error`),
				said)
		})
	}
}
