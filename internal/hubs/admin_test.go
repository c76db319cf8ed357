package hubs_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/policy"
)

func admin() auth.Grant { return auth.Grant{Subject: "boss", Roles: []string{"Admin"}} }

// connectAdmin connects and takes the greeting.
func (s *server) connectAdmin() (c *client, connectionID string) {
	s.t.Helper()
	c = s.connect(hubs.AdminPath, admin())
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
		Type: event.AdminNotification, Payload: json.RawMessage(`{"type":"role-assignment","userId":"u","roleName":"r","action":"assigned"}`),
	})
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
		for range 7 {
			in := c.next()
			require.Equal(t, "ErrorOccurred", in.Target)
			fields := object(t, in.Arguments[0])
			isTimestamp(t, fields["timestamp"])
			delete(fields, "timestamp")
			require.Equal(t, map[string]any{"type": "error", "message": text}, fields)
		}
		require.Empty(t, c.seen)
	}
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
	})
	require.Equal(t, `{"totalUsers":5432,"activeUsers":234,"newUsersToday":12,"websitesGenerated":1203,"imagesGenerated":3847,`+
		`"failedGenerations":5,"totalRevenue":98765.43,"revenueToday":1234.56}`, c.must("GetPlatformStats"))
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
		"hubs": map[string]any{hubs.AdminPath: 2.0, hubs.CustomerOrdersPath: 40.0},
	}, fields)
	require.Equal(t, map[string]int{
		hubs.AdminPath: 1, hubs.CustomerOrdersPath: 0, hubs.RestaurantOrdersPath: 0, hubs.TeamCartPath: 0,
	}, s.hubs.Connections(s.signalr))
	s.counts.away.Store(true)
	require.Equal(t, "An unexpected error occurred invoking 'GetConnectionCount' on the server.", c.call("GetConnectionCount").Error)
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
}
