package hubs_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// The bytes that MessagePackHubProtocol 11.0.0 of ASP.NET Core writes for the objects of
// TestFramesAreThoseOfADotNetHub, length prefix included.
const (
	frameOrder = "d202960180c0b9526563656976654f726465725374617475734368616e676564918ba74f726465724964d92430303030303030302d303030302d343030302d38303" +
		"0302d303030303030303030303031ab4f726465724e756d626572a7595a2d31303234a6537461747573a9507265706172696e67ac52657374617572616e744964d9243" +
		"0303030303030302d303030302d343030302d383030302d303030303030303030303032b34c61737455706461746554696d657374616d70d7ff1d6f2800696f5220b54" +
		"57374696d6174656444656c697665727954696d65d6ff696f5220b241637475616c44656c697665727954696d65c0ab44656c6976657265644174c0ad4f63637572726" +
		"5644f6e557463d7ff3b9aca00696f5220a74576656e744964d92430303030303030302d303030302d343030302d383030302d303030303030303030303033a85365717" +
		"5656e63650790"
	frameCart = "6a960180c0b25265636569766543617274557064617465649183a74576656e744964d92430303030303030302d303030302d343030302d383030302d303030303030" +
		"303030303033a853657175656e636507ad4f636375727265644f6e557463d7ff1d6f2800696f522090"
	frameResumed = "5c950380a1310384a6537461747573a7726573756d6564a85265706c6179656403ab4c6173744576656e744964d92430303030303030302d303030302d34303030" +
		"2d383030302d303030303030303030303033a853657175656e636507"
	// The order of data's keys is jsonb's. Its 3 takes five bytes there and one here; clients read both.
	frameAlert = "d001960180c0ab53797374656d416c6572749187a954696d657374616d70d6ff696f5220a454797065a77761726e696e67a74d657373616765a16da85365766572" +
		"697479a66d656469756da44461746185a66d6574726963a3637075a576616c7565cb3fe0000000000000a97468726573686f6c6403a26174b4323032362d30312d3230" +
		"5431303a30303a30305aa46465657081a3615f62c0a74576656e744964d92430303030303030302d303030302d343030302d383030302d303030303030303030303033" +
		"a853657175656e63650790"
	alertOfDotNet = "d401960180c0ab53797374656d416c6572749187a954696d657374616d70d6ff696f5220a454797065a77761726e696e67a74d657373616765a16da8536576657" +
		"2697479a66d656469756da44461746185a66d6574726963a3637075a576616c7565cb3fe0000000000000a97468726573686f6c64d200000003a26174b4323032362d3" +
		"0312d32305431303a30303a30305aa46465657081a3615f62c0a74576656e744964d92430303030303030302d303030302d343030302d383030302d303030303030303" +
		"030303033a853657175656e63650790"
)

func numbered(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("00000000-0000-4000-8000-%012d", n))
}

// seventh puts six events before e, the fourth with the id 4, and gives e the id 3 and the sequence 7.
func (s *server) seventh(g event.Group, e event.Event, at time.Time) {
	s.t.Helper()
	for n := range 6 {
		filler := e
		filler.ID, filler.OccurredOn = uuid.New(), at
		if n == 3 {
			filler.ID = numbered(4)
		}
		s.log.append(g, &filler)
	}
	e.ID, e.OccurredOn = numbered(3), at
	s.log.append(g, &e)
	require.NoError(s.t, s.b.Broadcast(s.t.Context(), s.log.of(g)))
}

// A .NET client matches names exactly and reads times from timestamps only. So the frames are compared byte for byte
// with those of a real hub for the same objects: in replays, which have the frames of live events, and in results.
//
// Acceptance.
func TestFramesAreThoseOfADotNetHub(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 20, 10, 0, 0, 0, time.UTC)
	id := numbered(1)
	group := event.OrderGroup(id)
	s := setup(t)
	s.seventh(group, event.Event{
		Type: event.OrderStatusChanged, ResourceID: id, RestaurantID: numbered(2), Audience: event.Both,
		Payload: json.RawMessage(
			`{"orderNumber": "YZ-1024", "status": "Preparing", "lastUpdateTimestamp": "2026-01-20T10:00:00.123456Z",
			"estimatedDeliveryTime": "2026-01-20T17:00:00+07:00", "actualDeliveryTime": null}`),
	}, at.Add(250*time.Millisecond))
	c := s.connectPacked(event.CustomerOrdersPath, auth.Grant{Subject: "u", Permissions: []string{group.String()}})
	c.invoke("1", "ResumeOrder", id.String(), numbered(4).String())
	c.frame()
	c.frame()
	require.Equal(t, frameOrder, hex.EncodeToString(c.frame()))
	require.Equal(t, frameResumed, hex.EncodeToString(c.frame()))

	cart := event.TeamCartGroup(id)
	s = setup(t)
	s.seventh(
		cart, event.Event{Type: event.CartUpdated, ResourceID: id, Payload: json.RawMessage(`{}`)},
		at.Add(123456*time.Microsecond),
	)
	c = s.connectPacked(event.TeamCartPath, auth.Grant{Subject: "u", Permissions: []string{cart.String()}})
	c.invoke("1", "ResumeCart", id.String(), numbered(4).String(), true)
	c.frame()
	c.frame()
	require.Equal(t, frameCart, hex.EncodeToString(c.frame()))
	require.Equal(t, frameResumed, hex.EncodeToString(c.frame()))

	s = setup(t)
	s.seventh(event.Alerts, event.Event{Type: event.SystemAlert, Payload: json.RawMessage(
		`{"type": "warning", "message": "m",
		"data": {"metric": "cpu", "value": 0.5, "threshold": 3, "at": "2026-01-20T10:00:00Z", "deep": {"a_b": null}}}`)}, at)
	c = s.connectPacked(event.AdminPath, admin())
	c.frame() // the greeting
	c.invoke("1", "ResumeAlerts", numbered(4).String())
	c.frame()
	c.frame()
	require.Equal(t, frameAlert, hex.EncodeToString(c.frame()))
	require.Equal(t, frameResumed, hex.EncodeToString(c.frame()))
	require.Equal(
		t, fmt.Sprint(readFrame(t, alertOfDotNet)), fmt.Sprint(readFrame(t, frameAlert)),
		"but for how an integer in data is written",
	)
}

// The times of an order, in each of the three sizes of timestamps.
//
// Acceptance: A-490.
func TestTimesOfADotNetHub(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := numbered(1)
	group := event.OrderGroup(id)
	for range 300 {
		s.log.append(group, &event.Event{
			ID: uuid.New(), Type: event.OrderStatusChanged, ResourceID: id, RestaurantID: numbered(2),
			OccurredOn: time.Date(2026, 1, 20, 10, 0, 0, 1000, time.UTC),
			Payload: json.RawMessage(
				`{"orderNumber": "YZ-1024", "status": "Preparing", "lastUpdateTimestamp": "2026-01-20T10:00:00Z",
				"estimatedDeliveryTime": "2600-01-01T00:00:00Z", "actualDeliveryTime": "1969-12-31T23:59:59Z"}`),
		})
	}
	require.NoError(t, s.b.Broadcast(t.Context(), s.log.of(group)))
	c := s.connectPacked(event.CustomerOrdersPath, auth.Grant{Subject: "u", Permissions: []string{group.String()}})
	c.invoke("1", "ResumeOrder", id.String(), s.log.of(group)[298].ID.String())
	got := hex.EncodeToString(c.frame())
	for name, bytes := range map[string]string{
		"LastUpdateTimestamp": "d6ff696f5220", "EstimatedDeliveryTime": "c70cff0000000000000004a0fe7280",
		"ActualDeliveryTime": "c70cff00000000ffffffffffffffff",
		"OccurredOnUtc":      "d7ff00000fa0696f5220", "Sequence": "cd012c",
	} {
		require.Contains(t, got, hex.EncodeToString([]byte(name))+bytes, name)
	}
}

// readFrame reads a message in hexadecimal.
func readFrame(t *testing.T, text string) []any {
	t.Helper()
	left, err := hex.DecodeString(text)
	require.NoError(t, err)
	return (&packedClient{t: t, left: left}).message()
}

// All names that are Herald's own are those of a .NET hub, and all its times are timestamps: in live events of every
// type, results of every method, and the admin hub's own messages.
//
// Acceptance.
func TestEverythingIsNamedAsADotNetHubNamesIt(t *testing.T) {
	t.Parallel()
	n := func(text string) json.RawMessage { return json.RawMessage(text) }
	s := setup(t)
	c := s.connectPacked(event.AdminPath, admin())
	greeting := c.message()
	require.Equal(t, "ConnectionEstablished", greeting[3])
	named := func(v any, names ...string) map[string]any {
		t.Helper()
		object, ok := v.(map[string]any)
		require.True(t, ok, "%v", v)
		require.ElementsMatch(t, names, keys(object))
		for name, value := range object {
			if name == "Timestamp" || name == "ExpiresAt" {
				require.IsType(t, time.Time{}, value, name)
			}
		}
		return object
	}
	argument := func(message []any) any {
		require.Len(t, message[4], 1)
		return message[4].([]any)[0]
	}
	named(argument(greeting), "ConnectionId", "Timestamp", "Message")

	c.invoke("1", "GetPlatformStats")
	failed := c.message()
	require.Equal(t, "ErrorOccurred", failed[3])
	named(argument(failed), "Type", "Message", "Timestamp")
	require.EqualValues(t, 1, c.message()[3], "an error")

	s.stats.set.Store(&outbox.PlatformStats{
		TotalUsers: n("5432.0"), ActiveUsers: n("234"), NewUsersToday: n("1e2"), WebsitesGenerated: n("1203"),
		ImagesGenerated: n("3847"), TotalRevenue: n("98765.43"), RevenueToday: n("1234.00"),
	})
	c.invoke("2", "GetPlatformStats")
	result := c.message()[4].(map[string]any)
	for name, value := range map[string]any{
		"TotalUsers": 5432, "ActiveUsers": 234, "NewUsersToday": 100, "TotalRevenue": 98765.43, "RevenueToday": 1234,
	} {
		require.EqualValues(t, value, result[name], name)
		if name != "TotalRevenue" {
			require.False(t, isFloat(result[name]), "%s: no int reads a float", name)
		}
	}
	require.Contains(t, result, "FailedGenerations")
	require.Nil(t, result["FailedGenerations"])

	c.invoke("3", "GetConnectionCount")
	result = named(c.message()[4], "ConnectionId", "Timestamp", "ConnectionCount", "Hubs")
	require.ElementsMatch(
		t, []string{event.AdminPath, event.CustomerOrdersPath}, keys(result["Hubs"].(map[string]any)),
		"keys of a dictionary stay",
	)

	c.invoke("4", "SendTestMessage", "2026-01-20T10:00:00Z")
	require.Equal(t, "2026-01-20T10:00:00Z", argument(c.message()), "a text that looks like a time is a text")
	require.Equal(t, "2026-01-20T10:00:00Z", named(c.message()[4], "Timestamp", "Message", "Echo")["Echo"])

	expires := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	c.invoke(
		"5", "RefreshToken", s.token(auth.Grant{Subject: "boss", Roles: []string{"Admin"}, TTL: time.Until(expires)}),
	)
	require.Regexp(t, "^17950380a1350381a9457870697265734174d6ff[0-9a-f]{8}$", hex.EncodeToString(c.frame()))
	c.invoke("6", "ResumeAlerts", nil)
	require.Equal(
		t, uuid.Nil.String(), named(c.message()[4], "Status", "Replayed", "LastEventId", "Sequence")["LastEventId"],
	)

	for name, group := range map[string]event.Group{"UserActivity": event.UserActivity, "Analytics": event.Analytics} {
		c.invoke("7", "SubscribeTo"+name)
		require.Nil(t, c.message()[4], group)
	}
	for _, sent := range []struct {
		group   event.Group
		kind    event.Type
		payload string
		names   []string
	}{
		{
			event.UserActivity, event.UserActivityUpdate,
			`{"userId": "u", "action": "2026-01-20T10:00:00Z", "details": {"at": "2026-01-20T10:00:00Z"}, "at": "2026-01-20T10:00:00Z"}`,
			[]string{"UserId", "Action", "Details", "at"},
		},
		{
			event.Analytics, event.AnalyticsUpdate,
			`{"totalUsers": 1, "activeUsers": 2, "websitesGenerated": 3, "imagesGenerated": 4, "revenue": 7.00}`,
			[]string{"TotalUsers", "ActiveUsers", "WebsitesGenerated", "ImagesGenerated", "Revenue"},
		},
		{
			event.Analytics, event.UserCountUpdate, `{"totalUsers": 1, "activeUsers": 2, "newUsersToday": 3}`,
			[]string{"TotalUsers", "ActiveUsers", "NewUsersToday"},
		},
		{
			event.Analytics, event.GenerationMetricsUpdate,
			`{"websitesGenerated": 3, "imagesGenerated": 4, "failedGenerations": 5, "averageGenerationTime": 4.2}`,
			[]string{"WebsitesGenerated", "ImagesGenerated", "FailedGenerations", "AverageGenerationTime"},
		},
		{
			event.Analytics, event.RevenueUpdate, `{"dailyRevenue": 1250.75, "totalRevenue30d": 7.0, "currency": "USD"}`,
			[]string{"DailyRevenue", "TotalRevenue30d", "currency"},
		},
		{
			event.Alerts, event.SystemAlert,
			`{"type": "info", "message": "m", "data": {"totalUsers": 7.0, "timestamp": "2026-01-20T10:00:00Z"}, "Timestamp": "mine"}`,
			[]string{"Type", "Message", "Severity", "Data"},
		},
		{
			event.Admins, event.AdminNotification,
			`{"type": "role-assignment", "userId": "u", "roleName": "r", "action": "assigned", "description": "d", "Description": "D"}`,
			[]string{"Type", "UserId", "RoleName", "Action", "description", "Description"},
		},
		{
			event.Admins, event.AdminNotification,
			`{"type": "system-event", "eventType": "e", "description": "d", "data": {"userId": 1}, "userId": "u"}`,
			[]string{"Type", "EventType", "Description", "Data", "userId"},
		},
	} {
		s.publish(sent.group, event.Event{Type: sent.kind, Payload: n(sent.payload)})
		message := c.message()
		require.Equal(t, string(sent.kind), message[3])
		object := named(argument(message), append(sent.names, "Timestamp", "EventId", "Sequence")...)
		switch sent.kind {
		case event.UserActivityUpdate:
			require.Equal(t, "2026-01-20T10:00:00Z", object["Action"])
			require.Equal(t, map[string]any{"at": "2026-01-20T10:00:00Z"}, object["Details"])
			require.Equal(t, "2026-01-20T10:00:00Z", object["at"])
		case event.AnalyticsUpdate:
			require.EqualValues(t, 7, object["Revenue"])
			require.False(t, isFloat(object["Revenue"]))
		case event.SystemAlert:
			require.Equal(t, map[string]any{"totalUsers": 7.0, "timestamp": "2026-01-20T10:00:00Z"}, object["Data"])
		default:
		}
	}
}

// HERALD_MESSAGEPACK_NAMES=camel keeps the names of JSON, and changes only the names.
//
// Acceptance: A-491.
func TestNamesOfJSONOverMessagePack(t *testing.T) {
	t.Parallel()
	s := setup(t, func(s *server) { s.names = "camel" })
	c := s.connectPacked(event.AdminPath, admin())
	greeting := c.message()[4].([]any)[0].(map[string]any)
	require.ElementsMatch(t, []string{"connectionId", "timestamp", "message"}, keys(greeting))
	require.IsType(t, time.Time{}, greeting["timestamp"])
	c.invoke("1", "ResumeAlerts", nil)
	require.ElementsMatch(
		t, []string{"status", "replayed", "lastEventId", "sequence"}, keys(c.message()[4].(map[string]any)),
	)
	s.publish(event.Alerts, event.Event{
		Type:    event.SystemAlert,
		Payload: json.RawMessage(`{"type": "info", "message": "m", "Timestamp": "mine", "x": 7.0}`),
	})
	alert := c.message()[4].([]any)[0].(map[string]any)
	require.ElementsMatch(
		t, []string{"timestamp", "type", "message", "severity", "data", "eventId", "sequence", "Timestamp", "x"},
		keys(alert),
	)
	require.IsType(t, time.Time{}, alert["timestamp"])
	require.Equal(t, "mine", alert["Timestamp"])
	require.True(t, isFloat(alert["x"]), "7.0 of the payload's own stays what it is")
}

func isFloat(v any) bool {
	_, ok := v.(float64)
	return ok
}

func keys(object map[string]any) (names []string) {
	for name := range object {
		names = append(names, name)
	}
	return names
}
