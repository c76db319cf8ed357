package hubs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/policy"
)

func admin() auth.Grant { return auth.Grant{Subject: "boss", Roles: []string{"Admin"}} }

// connectAdmin connects and reads the greeting.
func (s *server) connectAdmin() (c *client, connectionID string) {
	s.t.Helper()
	c = s.connect(event.AdminPath, admin())
	greeting := c.next()
	require.Equal(s.t, "ConnectionEstablished", greeting.Target)
	fields := object(s.t, greeting.Arguments[0])
	require.Equal(s.t, "Connected to admin hub", fields["message"])
	require.Len(s.t, fields, 3)
	isTimestamp(s.t, fields["timestamp"])
	id, _ := fields["connectionId"].(string)
	require.NotEmpty(s.t, id)
	return c, id
}

func object(t *testing.T, raw json.RawMessage) (fields map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(raw, &fields))
	return fields
}

func isTimestamp(t *testing.T, v any) {
	t.Helper()
	text, _ := v.(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	require.Equal(t, byte('Z'), text[len(text)-1])
	require.WithinDuration(t, time.Now(), at, time.Minute)
}

func alert() event.Event {
	return event.Event{Type: event.SystemAlert, Payload: json.RawMessage(`{"type":"warning","message":"m"}`)}
}

// Acceptance.
func TestAdministratorsAreGreetedAndInTheirGroup(t *testing.T) {
	t.Parallel()
	s := setup(t)
	c, _ := s.connectAdmin()
	c.must("SendTestMessage", "the group is joined by now")
	s.publish(event.Admins, event.Event{
		Type: event.AdminNotification, Payload: json.RawMessage(
			`{"type":"role-assignment","userId":"u","roleName":"r","action":"assigned"}`,
		),
	})
	c.receivesMessage("the group is joined by now")
	require.Equal(t, "AdminNotification", c.next().Target)
}

// Acceptance.
func TestAdminSubscriptions(t *testing.T) {
	t.Parallel()
	for name, g := range map[string]event.Group{
		"UserActivity": event.UserActivity, "Analytics": event.Analytics, "Alerts": event.Alerts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			c, _ := s.connectAdmin()
			require.Equal(t, "null", c.must("SubscribeTo"+name))
			s.publish(g, alert())
			require.Equal(t, "SystemAlert", c.next().Target)
			require.Equal(t, "null", c.must("UnsubscribeFrom"+name))
			second := s.publish(g, alert())
			require.JSONEq(t, fmt.Sprintf(`{"status":"resumed","replayed":2,"lastEventId":%q,"sequence":2}`, second.ID),
				c.must("Resume"+name, uuid.Nil))
			require.EqualValues(t, 1, c.sequence())
			require.EqualValues(t, 2, c.sequence())
		})
	}
}

// Acceptance: A-225.
func TestResumeAdmins(t *testing.T) {
	t.Parallel()
	s := setup(t)
	first := s.publish(event.Admins, alert())
	s.publish(event.Admins, alert())
	c, _ := s.connectAdmin()
	c.must("SendTestMessage", "the group is joined by now")
	c.receivesMessage("the group is joined by now")
	third := s.publish(event.Admins, alert())
	require.EqualValues(t, 3, c.sequence())
	require.JSONEq(t, fmt.Sprintf(`{"status":"resumed","replayed":1,"lastEventId":%q,"sequence":3}`, third.ID),
		c.must("ResumeAdmins", first.ID))
	require.EqualValues(t, 2, c.sequence(), "only what came before it connected")
}

// Acceptance.
func TestRefusalsOnTheAdminHub(t *testing.T) {
	t.Parallel()
	s := setup(t)
	c, _ := s.connectAdmin()
	for err, text := range map[error]string{policy.ErrUnauthorized: "Unauthorized", policy.ErrForbidden: "Forbidden"} {
		s.guard.set(err, nil)
		for _, name := range []string{"UserActivity", "Analytics", "Alerts"} {
			c.refused(text, "SubscribeTo"+name)
			c.refused(text, "Resume"+name, nil)
		}
		c.refused(text, "ResumeAdmins", uuid.New())
		for _, method := range []string{"UserActivity", "Analytics", "Alerts"} {
			c.toldOf("An unexpected error occurred invoking 'SubscribeTo" + method + "' on the server. HubException: " + text)
			c.toldOf("An unexpected error occurred invoking 'Resume" + method + "' on the server. HubException: " + text)
		}
		c.toldOf("An unexpected error occurred invoking 'ResumeAdmins' on the server. HubException: " + text)
		require.Empty(t, c.seen)
	}
}

// toldOf reads an ErrorOccurred with this text.
func (c *client) toldOf(text string) {
	c.t.Helper()
	in := c.next()
	require.Equal(c.t, "ErrorOccurred", in.Target)
	require.Len(c.t, in.Arguments, 1)
	fields := object(c.t, in.Arguments[0])
	isTimestamp(c.t, fields["timestamp"])
	delete(fields, "timestamp")
	require.Equal(c.t, map[string]any{"type": "error", "message": text}, fields)
}

// receivesMessage reads a ReceiveMessage with this text.
func (c *client) receivesMessage(text string) {
	c.t.Helper()
	in := c.next()
	require.Equal(c.t, "ReceiveMessage", in.Target)
	require.Len(c.t, in.Arguments, 1)
	var got string
	require.NoError(c.t, json.Unmarshal(in.Arguments[0], &got))
	require.Equal(c.t, text, got)
}

// Every failure of a call on the admin hub reaches its caller twice, with the same text: first as ErrorOccurred,
// then in the completion if there is one.
//
// Acceptance: A-148.
func TestEveryFailureOnTheAdminHubIsToldTwice(t *testing.T) {
	t.Parallel()
	s := setup(t)
	c, _ := s.connectAdmin()
	s.counts.away.Store(true)
	for _, call := range []struct {
		text, method string
		args         []any
	}{
		{"An unexpected error occurred invoking 'GetConnectionCount' on the server.", "GetConnectionCount", nil},
		{"An unexpected error occurred invoking 'getconnectioncount' on the server.", "getconnectioncount", nil},
		{"An unexpected error occurred invoking 'GetPlatformStats' on the server. HubException: Platform statistics have never been set; " +
			"herald.set_platform_stats sets them", "GetPlatformStats", nil},
		{
			"Failed to invoke 'NoSuchMethod' due to an error on the server. HubException: Method does not exist.",
			"NoSuchMethod", nil,
		},
		{"Failed to invoke '' due to an error on the server. HubException: Method does not exist.", "", nil},
		{"Failed to invoke 'SendTestMessage' due to an error on the server.", "SendTestMessage", nil},
		{"Failed to invoke 'SendTestMessage' due to an error on the server.", "SendTestMessage", []any{1}},
		{"Failed to invoke 'ResumeAlerts' due to an error on the server.", "ResumeAlerts", []any{"nonsense"}},
		{
			"An unexpected error occurred invoking 'RefreshToken' on the server. HubException: Unauthorized", "RefreshToken",
			[]any{"nonsense"},
		},
	} {
		require.Equal(t, call.text, c.call(call.method, call.args...).Error)
		require.Len(t, c.seen, 1, "it comes before the completion, and once")
		c.toldOf(call.text)

		raw, err := json.Marshal(append([]any{}, call.args...))
		require.NoError(t, err)
		c.send(fmt.Sprintf(`{"type":1,"target":%q,"arguments":%s}`, call.method, raw))
		c.toldOf(call.text)
	}
	c.send(`{"type":4,"invocationId":"s","target":"GetPlatformStats","arguments":[]}`)
	c.toldOf("The client attempted to invoke the non-streaming 'GetPlatformStats' method with a streaming invocation.")
	require.Equal(t, "s", c.record().InvocationID)
	c.must("UnsubscribeFromAlerts")
	require.Empty(t, c.seen, "what succeeds is told once")

	customer := s.connect(event.CustomerOrdersPath, auth.Grant{Subject: "u"})
	require.NotEmpty(t, customer.call("NoSuchMethod").Error)
	customer.refused("Forbidden", "SubscribeToOrder", uuid.New())
	require.Empty(t, customer.seen, "other hubs have no such event")
}

// Acceptance.
func TestGetPlatformStats(t *testing.T) {
	t.Parallel()
	n := func(text string) json.RawMessage { return json.RawMessage(text) }
	s := setup(t)
	c, _ := s.connectAdmin()
	c.refused("Platform statistics have never been set; herald.set_platform_stats sets them", "GetPlatformStats")
	require.Equal(t, "ErrorOccurred", c.next().Target)
	s.stats.set.Store(&outbox.PlatformStats{
		TotalUsers: n("5432"), ActiveUsers: n("234"), NewUsersToday: n("12"), WebsitesGenerated: n("1203"),
		ImagesGenerated: n("3847"), FailedGenerations: n("5"), TotalRevenue: n("98765.43"), RevenueToday: n("1234.56"),
		SetAt: time.Date(2026, 1, 20, 10, 29, 0, 0, time.UTC),
	})
	require.Equal(
		t,
		`{"totalUsers":5432,"activeUsers":234,"newUsersToday":12,"websitesGenerated":1203,"imagesGenerated":3847,`+
			`"failedGenerations":5,"totalRevenue":98765.43,"revenueToday":1234.56,"setAt":"2026-01-20T10:29:00Z"}`,
		c.must("GetPlatformStats"),
	)
}

// Acceptance.
func TestGetConnectionCount(t *testing.T) {
	t.Parallel()
	s := setup(t)
	c, id := s.connectAdmin()
	fields := object(t, json.RawMessage(c.must("GetConnectionCount")))
	isTimestamp(t, fields["timestamp"])
	delete(fields, "timestamp")
	require.Equal(t, map[string]any{
		"connectionId": id, "connectionCount": 42.0,
		"hubs": map[string]any{event.AdminPath: 2.0, event.CustomerOrdersPath: 40.0},
	}, fields)
	open := map[string]int{}
	for _, hub := range event.Hubs() {
		open[hub.Path] = 0
	}
	open[event.AdminPath] = 1
	require.Equal(t, open, s.hubs.Connections(s.signalr))
	s.counts.away.Store(true)
	require.Equal(
		t, "An unexpected error occurred invoking 'GetConnectionCount' on the server.",
		c.call("GetConnectionCount").Error,
	)
}

// Acceptance.
func TestSendTestMessage(t *testing.T) {
	t.Parallel()
	s := setup(t)
	c, _ := s.connectAdmin()
	fields := object(t, json.RawMessage(c.must("SendTestMessage", "Test payload")))
	isTimestamp(t, fields["timestamp"])
	delete(fields, "timestamp")
	require.Equal(t, map[string]any{"message": "Test received", "echo": "Test payload"}, fields)
	require.Len(t, c.seen, 1, "before the completion")
	c.receivesMessage("Test payload")
	for _, text := range []string{"", "<&>\u2028\"", strings.Repeat("é", 4000)} {
		require.Equal(t, text, object(t, json.RawMessage(c.must("SendTestMessage", text)))["echo"])
		c.receivesMessage(text)
		raw, err := json.Marshal(text)
		require.NoError(t, err)
		c.send(`{"type":1,"target":"SendTestMessage","arguments":[` + string(raw) + `]}`)
		c.receivesMessage(text)
	}
}
