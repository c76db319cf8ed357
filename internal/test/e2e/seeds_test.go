package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/child"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const seeds = "../../../testdata/seeds"

// The order of the documents' examples, and its restaurant.
var (
	seedOrder      = uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479")
	seedRestaurant = uuid.MustParse("f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e")
)

func readSeed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(seeds, name))
	require.NoError(t, err)
	return string(text)
}

// blocks returns the document's code blocks of a language.
func blocks(t *testing.T, document, language string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile(
		"(?s)```"+language+"\n(.*?)```",
	).FindAllStringSubmatch(readSeed(t, document), -1) {
		found = append(found, m[1])
	}
	require.NotEmpty(t, found)
	return found
}

// TestProgramsHoldTheDocumentsCode keeps the programs the same as the published code.
//
// Acceptance.
func TestProgramsHoldTheDocumentsCode(t *testing.T) {
	t.Parallel()
	changed := strings.NewReplacer(
		`"http://localhost:5006/hubs/admin"`, `process.env.HERALD_URL + "/hubs/admin"`,
		`'https://api.yummyzoom.com/hubs/customer-orders'`, `process.env.HERALD_URL + '/hubs/customer-orders'`,
		`'<YOUR_JWT_TOKEN>'`, `process.env.HERALD_TOKEN`,
	)
	var programs []string
	names, err := filepath.Glob(filepath.Join(seeds, "*.mjs"))
	require.NoError(t, err)
	for _, name := range names {
		programs = append(programs, readSeed(t, filepath.Base(name)))
	}
	holds := func(code string) bool {
		for _, program := range programs {
			if strings.Contains(program, code) {
				return true
			}
		}
		return false
	}
	for document, count := range map[string]int{"realtime-events-api.md": 2, "admin-realtime-api.md": 20} {
		found := blocks(t, document, "javascript")
		require.Len(t, found, count)
		for _, block := range found {
			code := changed.Replace(block)
			if component := strings.Index(code, "function AdminDashboard"); component >= 0 {
				code = code[component : strings.Index(code, "  }, []);\n")+len("  }, []);\n")] // the hooks, without the rendering
			}
			require.True(t, holds(code), "no program holds this block of %s:\n%s", document, code)
		}
	}
}

// program is a running example.
type program struct {
	out *record[[]any] // the printed lines' values
	in  io.Writer
	at  int // index of the first line that has not been read
}

// run starts an example that can import the published client.
func run(t *testing.T, name, url, token string) *program {
	t.Helper()
	requireInstalled(t)
	dir := t.TempDir()
	for _, file := range []string{name, "preload.mjs"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(readSeed(t, file)), 0o600))
	}
	modules, err := filepath.Abs(filepath.Join(nodeClient, "node_modules"))
	require.NoError(t, err)
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "node", "--import", "./preload.mjs", name)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HERALD_URL="+url, "HERALD_TOKEN="+token)
	p := &program{out: &record[[]any]{}}
	p.in, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	done, err := child.Start(cmd, func() {
		child.ReadLines(out, func(line string) {
			var values []any
			if json.Unmarshal([]byte(line), &values) == nil { // other lines are the client's own logger's
				p.out.add(values)
			}
		})
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		if t.Failed() {
			t.Logf("%s said on its standard error:\n%s", name, complaints.String())
		}
	})
	return p
}

// prints waits for the next line that begins with label and returns its other values.
func (p *program) prints(t *testing.T, label string) []any {
	t.Helper()
	line, next := p.out.await(t, p.at, "the line "+label, func(line []any) bool { return line[0] == label })
	p.at = next
	return line[1:]
}

// step waits until the program has reached a step.
func (p *program) step(t *testing.T, name string) {
	t.Helper()
	require.Equal(t, []any{name}, p.prints(t, "step"))
}

// proceed lets the program continue after its step.
func (p *program) proceed(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(p.in, "\n")
	require.NoError(t, err)
}

// Acceptance.
func TestExampleConnect(t *testing.T) {
	t.Parallel()
	s := serve(t, pgtest.New(t).DSN())
	p := run(t, "connect.mjs", s.url, user(t, "alice"))
	require.Equal(t, []any{"Connected"}, p.prints(t, "state"))
	p.step(t, "connected")
	p.proceed(t)
	require.Equal(t, []any{"Disconnected"}, p.prints(t, "state"))
}

// Acceptance.
func TestExampleOrderTracking(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, producer := serve(t, dsn), produce(t, dsn)
	o := order{seedOrder, seedRestaurant, "alice"}
	o.changed(t, producer, "Placed")
	p := run(t, "order-tracking.mjs", s.url, user(t, "alice"))
	p.step(t, "subscribed")
	for _, status := range []string{"Accepted", "Preparing", "Delivered"} {
		o.changed(t, producer, status)
		require.Equal(t, []any{status}, p.prints(t, "Order status changed:"))
	}
}

// Acceptance.
func TestExampleAdminHub(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, producer := serve(t, dsn), produce(t, dsn)
	_, err := producer.Exec(
		t.Context(), `SELECT herald.set_platform_stats('{"totalUsers":5432,"activeUsers":234,"newUsersToday":12,
		"websitesGenerated":1203,"imagesGenerated":3847,"failedGenerations":5,"totalRevenue":98765.43,"revenueToday":1234.56}')`)
	require.NoError(t, err)
	p := run(t, "admin-hub.mjs", s.url, admin(t))
	printed := func(label string) map[string]any {
		t.Helper()
		values := p.prints(t, label)
		require.Len(t, values, 1)
		fields, ok := values[0].(map[string]any)
		require.True(t, ok, values)
		return fields
	}
	send := func(eventType, payload string) {
		publish(t, producer, "publish_admin_event($1, $2)", eventType, payload)
	}
	alert := func(message string) {
		send("SystemAlert", `{"type":"warning","message":"`+message+`","data":{"severity":"high"}}`)
	}

	require.Equal(t, "Connected to admin hub", printed("Connected:")["message"])
	p.step(t, "subscribed")
	send(
		"UserActivityUpdate",
		`{"userId":"550e8400-e29b-41d4-a716-446655440000","action":"website_generated","details":{}}`,
	)
	require.Equal(t, "website_generated", printed("User Action:")["action"])
	send(
		"AnalyticsUpdate",
		`{"totalUsers":5432,"activeUsers":234,"websitesGenerated":1203,"imagesGenerated":3847,"revenue":12345.67}`,
	)
	require.InDelta(t, 12345.67, printed("Analytics:")["revenue"], 0)
	send("UserCountUpdate", `{"totalUsers":5432,"activeUsers":234,"newUsersToday":12}`)
	require.InDelta(t, 12, printed("User Metrics:")["newUsersToday"], 0)
	alert("first")
	first := printed("Alert:")
	require.Equal(t, []any{"warning", "first", "high"}, []any{first["type"], first["message"], first["severity"]})
	send("AdminNotification", `{"type":"system-event","eventType":"maintenance","description":"d"}`)
	require.Equal(t, "maintenance", printed("Admin Notification:")["eventType"])

	p.proceed(t)
	p.step(t, "subscribed again")
	alert("second")
	alert("third")
	require.Equal(t, "second", printed("Alert:")["message"])
	require.Equal(t, "third", printed("Alert:")["message"], "subscribed twice, delivered once")
	p.proceed(t)
	p.step(t, "unsubscribed")
	alert("nobody listens")
	send("AdminNotification", `{"type":"system-event","eventType":"still here","description":"d"}`)
	require.Equal(t, "still here", printed("Admin Notification:")["eventType"])
	p.proceed(t)

	require.InDelta(t, 5432, printed("stats")["totalUsers"], 0)
	require.InDelta(t, 1, printed("info")["connectionCount"], 0)
	require.Equal(t, "Test received", printed("response")["message"])
	require.Equal(
		t, "An unexpected error occurred invoking 'RefreshToken' on the server. HubException: Unauthorized",
		printed("Hub error:")["message"],
	)
	require.Equal(
		t, []any{"An unexpected error occurred invoking 'RefreshToken' on the server. HubException: Unauthorized"},
		p.prints(t, "refused"),
	)
	p.step(t, "listening for errors")
	code, _ := s.terminate(t)
	require.Zero(t, code)
	p.prints(t, "Connection lost:")
	s.start(t)
	p.prints(t, "Reconnected successfully")
	all, _ := p.out.all()
	require.NotContains(t, tail(all), "nobody listens")
}

// Acceptance.
func TestExampleReactComponent(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, producer := serve(t, dsn), produce(t, dsn)
	p := run(t, "react-dashboard.mjs", s.url, admin(t))
	p.step(t, "mounted")
	p.prints(t, "Connected to real-time hub")
	// The component does not wait for its subscriptions, so the test does.
	awaitMetric(t, s.url, "herald_subscriptions 3\n")
	publish(
		t, producer, "publish_admin_event('AnalyticsUpdate', $1)",
		`{"totalUsers":5432,"activeUsers":234,"websitesGenerated":1,"imagesGenerated":1,"revenue":12345.67}`,
	)
	analytics := p.prints(t, "analytics")
	require.Len(t, analytics, 1)
	require.Subset(t, analytics[0], map[string]any{"totalUsers": 5432.0, "activeUsers": 234.0, "revenue": 12345.67})
	for i := range 12 {
		publish(t, producer, "publish_admin_event('SystemAlert', $1)", `{"type":"info","message":"alert"}`)
		values := p.prints(t, "alerts")
		alerts, ok := values[0].([]any)
		require.True(t, ok, values)
		require.Len(t, alerts, min(i+1, 10))
		require.Subset(t, alerts[0], map[string]any{"type": "info", "message": "alert", "sequence": float64(i + 1)})
	}
	s.kill(t)
	p.prints(t, "Attempting to reconnect...")
	s.start(t)
	again := p.at
	p.prints(t, "Connected:")
	p.at = again // the client may report its reconnection before or after the server's greeting
	p.prints(t, "Reconnected to real-time service")
	p.proceed(t)
	p.step(t, "subscribed again")
	publish(
		t, producer, "publish_admin_event('AnalyticsUpdate', $1)",
		`{"totalUsers":5433,"activeUsers":234,"websitesGenerated":1,"imagesGenerated":1,"revenue":0}`,
	)
	require.Subset(t, p.prints(t, "analytics")[0], map[string]any{"totalUsers": 5433.0, "sequence": 2.0})
	publish(t, producer, "publish_admin_event('SystemAlert', $1)", `{"type":"info","message":"back"}`)
	alerts, ok := p.prints(t, "alerts")[0].([]any)
	require.True(t, ok)
	require.Subset(t, alerts[0], map[string]any{"message": "back", "sequence": 13.0})
	p.proceed(t)
	p.step(t, "unmounted")
}
