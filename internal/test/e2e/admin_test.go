package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// object decodes one argument or result.
func object(t *testing.T, raw string) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(raw), &fields), raw)
	return fields
}

// requireNow requires the timestamp to be the present time in UTC with a Z, and removes it.
func requireNow(t *testing.T, fields map[string]any) {
	t.Helper()
	requireJust(t, fields, "timestamp")
}

// requireJust requires that a field is a time of the last minute, and removes it.
func requireJust(t *testing.T, fields map[string]any, name string) {
	t.Helper()
	text, ok := fields[name].(string)
	require.True(t, ok, fields)
	require.True(t, strings.HasSuffix(text, "Z"), text)
	at, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	delete(fields, name)
}

// Acceptance,
//
//
func TestAdminEventsAreOneObjectEach(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	c := d.connect(t, s.url+adminHub, admin(t))
	greeting := c.next(t)
	require.Equal(t, "ConnectionEstablished", greeting.Event)
	require.Len(t, greeting.Args, 1)
	greeted := object(t, string(greeting.Args[0]))
	requireNow(t, greeted)
	require.NotEmpty(t, greeted["connectionId"])
	require.Equal(
		t, map[string]any{"connectionId": greeted["connectionId"], "message": "Connected to admin hub"}, greeted,
	)

	const occurred = "2025-10-17T10:30:00Z"
	send := func(eventType, payload string) uuid.UUID {
		return publish(t, p, "publish_admin_event($1, $2, $3)", eventType, payload, occurred)
	}
	expect := func(c *client, eventType, payload, object string, sequence int) {
		t.Helper()
		id := send(eventType, payload)
		c.receives(
			t, eventType, fmt.Sprintf(`{"timestamp":%q,%s,"eventId":%q,"sequence":%d}`, occurred, object, id, sequence),
		)
	}

	// Every connection is in admins; the other groups are joined.
	send("SystemAlert", `{"type":"info","message":"nobody listens"}`)
	expect(c, "AdminNotification", `{"type":"role-assignment","userId":"u1","roleName":"Moderator","action":"assigned"}`,
		`"type":"role-assignment","userId":"u1","roleName":"Moderator","action":"assigned"`, 1)
	expect(
		c, "AdminNotification",
		`{"type":"system-event","eventType":"maintenance","description":"done","data":{"a":[1,null]}}`,
		`"type":"system-event","eventType":"maintenance","description":"done","data":{"a":[1,null]}`, 2)
	for _, group := range []string{"UserActivity", "Analytics", "Alerts"} {
		require.Equal(t, "null", c.call(t, "SubscribeTo"+group))
	}
	expect(
		c, "UserActivityUpdate",
		`{"userId":"u1","action":"website_generated","details":{"projectId":"proj-12345","seconds":3.5}}`,
		`"userId":"u1","action":"website_generated","details":{"projectId":"proj-12345","seconds":3.5}`, 1)
	expect(
		c, "AnalyticsUpdate",
		`{"totalUsers":5432,"activeUsers":234,"websitesGenerated":1203,"imagesGenerated":3847,"revenue":12345.67}`,
		`"totalUsers":5432,"activeUsers":234,"websitesGenerated":1203,"imagesGenerated":3847,"revenue":12345.67`, 1)
	expect(c, "UserCountUpdate", `{"totalUsers":5432,"activeUsers":234,"newUsersToday":12}`,
		`"totalUsers":5432,"activeUsers":234,"newUsersToday":12`, 2)
	expect(
		c, "GenerationMetricsUpdate",
		`{"websitesGenerated":125,"imagesGenerated":342,"failedGenerations":5,"averageGenerationTime":4.2}`,
		`"websitesGenerated":125,"imagesGenerated":342,"failedGenerations":5,"averageGenerationTime":4.2`, 3)
	expect(c, "RevenueUpdate", `{"dailyRevenue":1250.75,"totalRevenue30d":35420.50}`,
		`"dailyRevenue":1250.75,"totalRevenue30d":35420.50`, 4)
	for i, alert := range []struct{ payload, object string }{
		{`{"type":"info","message":"m"}`, `"type":"info","message":"m","severity":"low","data":null`},
		{`{"type":"success","message":"m","data":null}`, `"type":"success","message":"m","severity":"low","data":null`},
		{
			`{"type":"warning","message":"m","data":{"cpu":92}}`,
			`"type":"warning","message":"m","severity":"medium","data":{"cpu":92}`,
		},
		{`{"type":"error","message":"m","data":{}}`, `"type":"error","message":"m","severity":"high","data":{}`},
		{
			`{"type":"info","message":"m","data":{"severity":"critical"}}`,
			`"type":"info","message":"m","severity":"critical","data":{"severity":"critical"}`,
		},
	} {
		expect(c, "SystemAlert", alert.payload, alert.object, i+2)
	}

	for _, group := range []string{"UserActivity", "Analytics", "Alerts"} {
		for range 2 {
			require.Equal(t, "null", c.call(t, "UnsubscribeFrom"+group))
		}
	}
	send("SystemAlert", `{"type":"info","message":"nobody listens"}`)
	send("AnalyticsUpdate", `{"totalUsers":1,"activeUsers":1,"websitesGenerated":1,"imagesGenerated":1,"revenue":1}`)
	last := send("UserActivityUpdate", `{"userId":"u2","action":"signed_in"}`)
	expect(
		c, "AdminNotification", `{"type":"system-event","eventType":"backup","description":"done"}`,
		`"type":"system-event","eventType":"backup","description":"done","data":null`, 3,
	)

	// Missed events can be resumed, each group by itself.
	result := c.call(t, "ResumeUserActivity", uuid.Nil)
	require.JSONEq(t, fmt.Sprintf(`{"status":"resumed","replayed":2,"lastEventId":%q,"sequence":2}`, last), result)
	require.Contains(t, string(c.next(t).Args[0]), `"proj-12345"`)
	c.receives(t, "UserActivityUpdate", fmt.Sprintf(
		`{"timestamp":%q,"userId":"u2","action":"signed_in","details":null,"eventId":%q,"sequence":2}`, occurred, last))
	for method, replayed := range map[string]float64{"ResumeAnalytics": 5, "ResumeAlerts": 7} {
		require.Equal(t, replayed, object(t, c.call(t, method, uuid.Nil))["replayed"], method) //nolint:testifylint // count
		for range int(replayed) {
			c.next(t)
		}
	}
	require.Equal(t, "resumed", object(t, c.call(t, "ResumeAdmins", nil))["status"])
	c.quiet(t)
}

// Acceptance.
func TestAdminMethods(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	c := d.connect(t, s.url+adminHub, admin(t))
	connectionID := object(t, string(c.next(t).Args[0]))["connectionId"]

	// Statistics that were never set are not invented, and the refusal comes twice.
	refusal := c.refused(t, "GetPlatformStats")
	const prefix = "An unexpected error occurred invoking 'GetPlatformStats' on the server. HubException: "
	require.True(t, strings.HasPrefix(refusal, prefix), refusal)
	told := c.next(t)
	require.Equal(t, "ErrorOccurred", told.Event)
	require.Len(t, told.Args, 1)
	failure := object(t, string(told.Args[0]))
	requireNow(t, failure)
	require.Equal(t, map[string]any{"type": "error", "message": refusal}, failure)

	_, err := p.Exec(
		t.Context(), `SELECT herald.set_platform_stats('{"totalUsers":5432,"activeUsers":1,"newUsersToday":12,
		"websitesGenerated":1203,"imagesGenerated":3847,"failedGenerations":5,"totalRevenue":98765.43,"revenueToday":1234.56}')`)
	require.NoError(t, err)
	_, err = p.Exec(t.Context(), `SELECT herald.set_platform_stats('{"activeUsers":234}')`)
	require.NoError(t, err)
	stats := object(t, c.call(t, "GetPlatformStats"))
	requireJust(t, stats, "setAt")
	require.Equal(t, object(
		t, `{"totalUsers":5432,"activeUsers":234,"newUsersToday":12,"websitesGenerated":1203,"imagesGenerated":3847,
		"failedGenerations":5,"totalRevenue":98765.43,"revenueToday":1234.56}`), stats)

	answer := object(t, c.call(t, "SendTestMessage", "Test payload"))
	requireNow(t, answer)
	require.Equal(t, map[string]any{"message": "Test received", "echo": "Test payload"}, answer)
	c.receives(t, "ReceiveMessage", `"Test payload"`)

	count := object(t, c.call(t, "GetConnectionCount"))
	requireNow(t, count)
	require.Equal(t, map[string]any{
		"connectionId": connectionID, "connectionCount": 1.0,
		"hubs": map[string]any{adminHub: 1.0, customerHub: 0.0, restaurantHub: 0.0, teamCartHub: 0.0},
	}, count)
	c.quiet(t)
}

// Acceptance.
func TestConnectionCountIsOverAllNodes(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	d := drive(t)
	nodes := []*server{serve(t, dsn), serve(t, dsn)}
	var admins []*client
	for _, node := range nodes {
		admins = append(admins, d.connect(t, node.url+adminHub, admin(t)))
	}
	alice := d.connect(t, nodes[1].url+customerHub, user(t, "alice"))
	d.connect(t, nodes[0].url+customerHub, user(t, "bob"))
	counted := func(total, customers float64) {
		t.Helper()
		for _, c := range admins {
			require.Eventually(t, func() bool { // a node reports its connections once a second
				count := object(t, c.call(t, "GetConnectionCount"))
				hubs, ok := count["hubs"].(map[string]any)
				return ok && count["connectionCount"] == total && hubs[customerHub] == customers && hubs[adminHub] == 2.0
			}, patience, 50*time.Millisecond)
		}
	}
	counted(4, 2)
	alice.stop(t)
	counted(3, 1)
}

// Changed statistics are broadcast without a request, by one of the nodes.
//
// Acceptance: A-163.
func TestStatisticsAreBroadcastPeriodically(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn, "HERALD_STATS_INTERVAL=1s"), drive(t), produce(t, dsn)
	serve(t, dsn, "HERALD_STATS_INTERVAL=1s")
	c := d.connect(t, s.url+adminHub, admin(t))
	require.Equal(t, "ConnectionEstablished", c.next(t).Event)
	c.call(t, "SubscribeToAnalytics")
	set := func(stats string) {
		t.Helper()
		_, err := p.Exec(t.Context(), "SELECT herald.set_platform_stats($1)", stats)
		require.NoError(t, err)
	}
	expect := func(sequence, users float64) {
		t.Helper()
		update := c.next(t)
		require.Equal(t, "AnalyticsUpdate", update.Event)
		fields := object(t, string(update.Args[0]))
		requireNow(t, fields)
		delete(fields, "eventId")
		require.Equal(t, map[string]any{
			"totalUsers": users, "activeUsers": 342.0, "websitesGenerated": 1256.0, "imagesGenerated": 3847.0,
			"revenue": 98765.43, "sequence": sequence,
		}, fields)
	}
	set(`{"totalUsers":1523,"activeUsers":342,"websitesGenerated":1256,"imagesGenerated":3847,"totalRevenue":98765.43}`)
	expect(1, 1523)
	set(`{"totalUsers":1524}`)
	expect(2, 1524)
}

// Many updates in a short time become a few for clients, including the last one, without a hole in the sequence,
// whichever node relays.
//
// Acceptance: A-165.
func TestAnalyticsAreLimited(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	limit := "HERALD_ANALYTICS_MIN_INTERVAL=1s"
	s, d, p := serve(t, dsn, limit), drive(t), produce(t, dsn)
	serve(t, dsn, limit)
	c := d.connect(t, s.url+adminHub, admin(t))
	require.Equal(t, "ConnectionEstablished", c.next(t).Event)
	c.call(t, "SubscribeToAnalytics")
	const published = 50
	start := time.Now()
	for n := range published {
		_, err := p.Exec(
			t.Context(),
			"SELECT herald.publish_admin_event('RevenueUpdate', jsonb_build_object('dailyRevenue', $1::int, 'totalRevenue30d', 1))",
			n,
		)
		require.NoError(t, err)
	}
	for sequence := 1.0; ; sequence++ {
		update := c.next(t)
		require.Equal(t, "RevenueUpdate", update.Event)
		fields := object(t, string(update.Args[0]))
		require.InDelta(t, sequence, fields["sequence"], 0)
		require.LessOrEqual(t, sequence, 2+time.Since(start).Seconds())
		if fields["dailyRevenue"] == published-1.0 {
			return
		}
	}
}
