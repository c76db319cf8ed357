package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// example is a request of the admin document, and the response in the document, or empty.
type example struct{ method, path, body, response string }

// examples reads the document's REST endpoints: a code block that begins with a method, and the JSON block under
// **Response**.
func examples(t *testing.T) []example {
	t.Helper()
	text := readSeed(t, "admin-realtime-api.md")
	text = text[strings.Index(text, "## REST Endpoints"):strings.Index(text, "## Hub Methods")]
	var found []example
	for _, section := range strings.Split(text, "\n#### ")[1:] {
		m := regexp.MustCompile("(?s)```\n(GET|POST) (\\S+)\n(.*?)```").FindStringSubmatch(section)
		require.NotNil(t, m, section)
		e := example{method: m[1], path: m[2]}
		if _, body, ok := strings.Cut(m[3], "\n\n"); ok {
			e.body = strings.TrimSpace(body)
		}
		if m := regexp.MustCompile("(?s)\\*\\*Response\\*\\*:\n```json\n(.*?)```").FindStringSubmatch(section); m != nil {
			e.response = m[1]
		}
		found = append(found, e)
	}
	return found
}

const sevenFields = `{"totalUsers":5432,"activeUsers":234,"newUsersToday":12,"websitesGenerated":1203,"imagesGenerated":3847,
	"failedGenerations":5,"totalRevenue":98765.43,"revenueToday":1234.56}`

// TestEveryRequestOfTheDocument makes the document's requests, compares the responses, and receives the events.
//
// Acceptance,
//
//
func TestEveryRequestOfTheDocument(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	_, err := p.Exec(t.Context(), "SELECT herald.set_platform_stats($1)", sevenFields)
	require.NoError(t, err)
	c := d.connect(t, s.url+adminHub, admin(t))
	c.receivesGreeting(t)
	for _, group := range []string{"UserActivity", "Analytics", "Alerts"} {
		c.call(t, "SubscribeTo"+group)
	}
	// The parts of responses and events that the document leaves open.
	messages := map[string]string{
		"alert/warning": "Warning sent successfully", "alert/error": "Error alert sent successfully",
		"alert/performance": "Performance alert sent successfully", "notify/user-action": "User action notified",
		"notify/role-assignment": "Role assignment notified", "notify/system-event": "System event notified",
	}
	events := map[string]struct{ method, fields string }{
		"broadcast/platform-update": {
			"AnalyticsUpdate",
			`{"totalUsers":5432,"activeUsers":234,"websitesGenerated":1203,"imagesGenerated":3847,"revenue":98765.43}`,
		},
		"broadcast/user-count": {"UserCountUpdate", `{"totalUsers":5432,"activeUsers":234,"newUsersToday":12}`},
		"alert/warning":        {"SystemAlert", `{"type":"warning","severity":"medium"}`},
		"alert/error":          {"SystemAlert", `{"type":"error","severity":"high"}`},
		"alert":                {"SystemAlert", `{"severity":"low"}`},
		"alert/performance": {
			"SystemAlert",
			`{"type":"warning","severity":"medium","message":"ApiResponseTime is 2500 (threshold 2000ms)",
			"data":{"metric":"ApiResponseTime","value":2500,"threshold":"2000ms"}}`,
		},
		"broadcast/generation-metrics": {"GenerationMetricsUpdate", `{}`},
		"broadcast/revenue":            {"RevenueUpdate", `{}`},
		"notify/user-action":           {"UserActivityUpdate", `{}`},
		"notify/role-assignment":       {"AdminNotification", `{"type":"role-assignment"}`},
		"notify/system-event":          {"AdminNotification", `{"type":"system-event"}`},
	}
	all := examples(t)
	require.Len(t, all, 14)
	for _, e := range all {
		token := admin(t)
		if strings.HasSuffix(e.path, "/health") {
			token = ""
		} else {
			requireGuarded(t, s, e)
		}
		status, answer := request(t, e.method, s.url+e.path, token, e.body)
		require.Equal(t, http.StatusOK, status, "%s: %s", e.path, answer.body)
		require.Equal(t, "application/json", answer.header.Get("Content-Type"))
		got, want := answer.decode(t), map[string]any{}
		name := strings.TrimPrefix(e.path, "/api/admin/realtime/")
		if e.response != "" {
			want = object(t, e.response)
		} else {
			want["message"] = messages[name]
		}
		if e.method == http.MethodGet {
			delete(want, "timestamp")
			requireNow(t, got)
			if stats, ok := got["data"].(map[string]any); ok {
				requireJust(t, stats, "setAt") // in addition to the document's fields
			}
			require.Equal(t, want, got, e.path)
			continue
		}
		want["eventId"] = got["eventId"]
		require.Equal(t, want, got, e.path)

		arrived := c.next(t)
		expected, known := events[name]
		require.True(t, known, name)
		require.Equal(t, expected.method, arrived.Event, e.path)
		require.Len(t, arrived.Args, 1)
		fields := object(t, string(arrived.Args[0]))
		requireNow(t, fields)
		require.Equal(t, got["eventId"], fields["eventId"])
		require.NotZero(t, fields["sequence"])
		payload := object(t, expected.fields)
		if e.body != "" && name != "alert/performance" {
			maps.Copy(payload, object(t, e.body))
		}
		delete(fields, "eventId")
		delete(fields, "sequence")
		require.Equal(t, payload, fields, e.path)
	}
	c.quiet(t)
}

// requireGuarded requires that only administrators may make the request.
func requireGuarded(t *testing.T, s *server, e example) {
	t.Helper()
	status, answer := request(t, e.method, s.url+e.path, "", e.body)
	require.Equal(t, http.StatusUnauthorized, status, e.path)
	require.Regexp(t, `^Bearer\b`, answer.header.Get("WWW-Authenticate"))
	status, _ = request(t, e.method, s.url+e.path, user(t, "mallory"), e.body)
	require.Equal(t, http.StatusForbidden, status, e.path)
}

// Acceptance.
func TestRESTRefusals(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d := serve(t, dsn), drive(t)
	c := d.connect(t, s.url+adminHub, admin(t))
	c.receivesGreeting(t)
	c.call(t, "SubscribeToAlerts")
	const alert = "/api/admin/realtime/alert"
	const valid = `{"type":"info","message":"m"}`
	problem := func(status int, path, body string, headers ...string) map[string]any {
		t.Helper()
		method := http.MethodPost
		if strings.HasSuffix(path, "-snapshot") {
			method = http.MethodGet
		}
		got, answer := request(t, method, s.url+path, admin(t), body, headers...)
		require.Equal(t, status, got, answer.body)
		require.Equal(t, "application/problem+json", answer.header.Get("Content-Type"))
		fields := answer.decode(t)
		require.InDelta(t, status, fields["status"], 0)
		return fields
	}
	named := func(fields map[string]any) map[string]any {
		t.Helper()
		errs, ok := fields["errors"].(map[string]any)
		require.True(t, ok, fields)
		return errs
	}
	require.Contains(t, named(problem(http.StatusBadRequest, alert, `{"type":"nonsense"}`)), "type")
	require.Contains(t, named(problem(http.StatusBadRequest, alert, `{"type":"info"}`)), "message")
	problem(http.StatusBadRequest, alert, `{"type":`)
	problem(http.StatusUnsupportedMediaType, alert, valid, "Content-Type", "text/plain")
	problem(http.StatusRequestEntityTooLarge, alert, `{"type":"info","message":"`+strings.Repeat("a", 64<<10)+`"}`)
	problem(http.StatusBadRequest, alert, valid, "Idempotency-Key", "nonsense")
	problem(http.StatusServiceUnavailable, "/api/admin/realtime/platform-snapshot", "")
	problem(http.StatusServiceUnavailable, "/api/admin/realtime/broadcast/user-count", "")
	problem(http.StatusServiceUnavailable, "/api/admin/realtime/broadcast/platform-update", "")
	problem(http.StatusNotFound, "/api/admin/realtime/nonsense", "")

	// The same key is the same event.
	key := uuid.NewString()
	for range 3 {
		status, answer := request(t, http.MethodPost, s.url+alert, admin(t), valid, "Idempotency-Key", key)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, key, answer.decode(t)["eventId"])
	}
	status, answer := request(t, http.MethodPost, s.url+alert, admin(t), valid)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, key, received(c.next(t)).EventID.String())
	require.Equal(t, answer.decode(t)["eventId"], received(c.next(t)).EventID.String())

	for i := 0; ; i++ {
		status, answer := request(t, http.MethodPost, s.url+"/api/admin/realtime/notify/role-assignment", admin(t), `{}`)
		if status == http.StatusTooManyRequests {
			require.NotEmpty(t, answer.header.Get("Retry-After"))
			break
		}
		require.Equal(t, http.StatusBadRequest, status)
		require.Less(t, i, 2000, "there is a limit")
	}
}

// Acceptance.
func TestPollingClientSeesWhatASubscriberSees(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn, "HERALD_REPLAY_LIMIT=50"), drive(t), produce(t, dsn)
	o := newOrder()
	token := mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}})
	c := d.followed(t, s.url+customerHub, token, "ResumeOrder", o.id)
	type page struct {
		Status      string
		LastEventID uuid.UUID
		Events      []struct {
			EventID       uuid.UUID
			Sequence      int64
			Method        string
			Arguments     []json.RawMessage
			OccurredOnUTC string
		}
	}
	poll := func(query string) (got page) {
		t.Helper()
		status, answer := request(
			t, http.MethodGet, s.url+"/api/realtime/events?hub=customer-orders&resource="+o.id.String()+query, token, "",
		)
		require.Equal(t, http.StatusOK, status, answer.body)
		require.NoError(t, json.Unmarshal([]byte(answer.body), &got))
		return got
	}
	require.Equal(t, page{Status: "resumed", Events: poll("").Events}, poll(""), "nothing yet")
	const events = 25
	for range events {
		o.changed(t, p, "Preparing")
	}
	var seen []arrival
	for range events {
		seen = append(seen, c.next(t))
	}
	after, polled := uuid.Nil, 0
	for {
		got := poll("&limit=10&after=" + after.String())
		require.Equal(t, "resumed", got.Status)
		if len(got.Events) == 0 {
			require.Equal(t, after, got.LastEventID)
			break
		}
		for _, e := range got.Events {
			require.Equal(t, seen[polled].Event, e.Method)
			require.Equal(t, delivery{e.EventID, e.Sequence}, received(seen[polled]))
			require.Len(t, e.Arguments, 1)
			require.JSONEq(t, string(seen[polled].Args[0]), string(e.Arguments[0]))
			require.Equal(t, object(t, string(e.Arguments[0]))["occurredOnUtc"], e.OccurredOnUTC)
			polled++
		}
		require.Equal(t, got.Events[len(got.Events)-1].EventID, got.LastEventID)
		after = got.LastEventID
	}
	require.Equal(t, events, polled)
	gap := poll("&after=" + uuid.NewString())
	require.Equal(t, "gap", gap.Status)
	require.Equal(t, after, gap.LastEventID)
	require.Empty(t, gap.Events)

	for want, query := range map[int]string{
		http.StatusForbidden:    "hub=customer-orders&resource=" + uuid.NewString(),
		http.StatusBadRequest:   "hub=nonsense&resource=" + uuid.NewString(),
		http.StatusUnauthorized: "hub=customer-orders&resource=" + o.id.String(),
	} {
		bearer := token
		if want == http.StatusUnauthorized {
			bearer = ""
		}
		status, _ := request(t, http.MethodGet, s.url+"/api/realtime/events?"+query, bearer, "")
		require.Equal(t, want, status, query)
	}
}

// Acceptance.
func TestOperationsEndpoints(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	ops := freeAddress(t)
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	apart := &server{env: settings(dsn, "HERALD_LISTEN=127.0.0.1:0", "HERALD_OPS_LISTEN="+ops), ops: "http://" + ops}
	apart.start(t)
	o := newOrder()
	c := d.connect(
		t, s.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.call(t, "SubscribeToOrder", o.id)
	o.changed(t, p, "Ready")
	c.next(t)
	for _, base := range []string{s.url, "http://" + ops} {
		for _, path := range []string{"/healthz", "/readyz"} {
			status, answer := request(t, http.MethodGet, base+path, "", "")
			require.Equal(t, http.StatusOK, status, path)
			require.Contains(t, answer.decode(t), "status")
		}
		status, answer := request(t, http.MethodGet, base+"/metrics", "", "")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, answer.header.Get("Content-Type"), "text/plain")
		for _, metric := range []string{
			"herald_relay_rows_total ", "herald_broadcast_entries_total 2", "herald_outbox_waiting_rows 0",
			"herald_outbox_oldest_waiting_seconds 0", "herald_listener_connected 1", "go_goroutines ",
		} {
			awaitMetric(t, base, metric)
		}
	}
	awaitMetric(t, s.url, `herald_connections{hub="customer-orders"} 1`)
	awaitMetric(t, s.url, "herald_subscriptions 1")
	awaitMetric(t, s.url, `herald_invocations_total{hub="customer-orders",method="SubscribeToOrder",outcome="ok"} 1`)
	awaitMetric(t, "http://"+ops, "herald_subscriptions 0")
	status, _ := request(t, http.MethodGet, apart.url+"/metrics", "", "")
	require.Equal(t, http.StatusNotFound, status, "not where everybody is")
}

// awaitMetric waits until a line of /metrics begins with this.
func awaitMetric(t *testing.T, base, line string) {
	t.Helper()
	require.True(t, eventually(func() bool {
		_, answer := request(t, http.MethodGet, base+"/metrics", "", "")
		return strings.Contains(answer.body, "\n"+line)
	}), "there is no metric %s", line)
}
