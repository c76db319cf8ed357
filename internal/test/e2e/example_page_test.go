package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// browser is Chromium, driven by examples/browser.mjs.
type browser struct{ *driver }

// browse starts a browser. Without Chromium the test is skipped: `make test` says so at its end.
func browse(t *testing.T) browser {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return browser{driveOf(t, exampleFolder, "browser.mjs", "CHROMIUM="+path)}
		}
	}
	t.Skip("there is no Chromium on this machine")
	return browser{}
}

// tab is a page in the browser.
type tab struct{ *client }

func (b browser) open(t *testing.T, address string) tab {
	t.Helper()
	c := &client{d: b.driver, name: uuid.NewString()}
	b.mu.Lock()
	b.clients[c.name] = c
	b.mu.Unlock()
	a := await(t, b.command(t, map[string]any{"op": "open", "client": c.name, "url": address}), address)
	require.Empty(t, a.Error)
	t.Cleanup(func() {
		if t.Failed() {
			told, _ := c.all()
			t.Logf("the page at %s told:\n%s", address, tail(told))
		}
	})
	return tab{c}
}

// text is the text of a page's elements.
func (p tab) text(t *testing.T, selector string) (text string) {
	t.Helper()
	a := await(t, p.d.command(t, map[string]any{"op": "read", "client": p.name, "selector": selector}), selector)
	require.Empty(t, a.Error)
	require.NoError(t, json.Unmarshal(a.Result, &text))
	return text
}

// shows waits until a page's elements have this text.
func (p tab) shows(t *testing.T, selector, wanted string) {
	t.Helper()
	var last string
	if !eventually(func() bool { last = p.text(t, selector); return last == wanted }) {
		require.Equal(t, wanted, last, selector)
	}
}

// complains waits until the page shows that an attempt has failed.
func (p tab) complains(t *testing.T) {
	t.Helper()
	require.True(t, eventually(func() bool { return p.text(t, "[role=alert]") != "" }), "the page tells of no problem")
}

func (p tab) close(t *testing.T) {
	t.Helper()
	require.Empty(t, await(t, p.d.command(t, map[string]any{"op": "close", "client": p.name}), "close").Error)
}

// site serves the examples' pages, and the orders' state in place of a service.
type site struct {
	url string

	mu     sync.Mutex // guards the fields below
	status string
	asked  int
}

// openSite builds the pages as a developer's machine does: only then does React mount twice.
func openSite(t *testing.T) *site {
	t.Helper()
	requireExamples(t)
	dist := t.TempDir()
	cmd := exec.CommandContext(
		t.Context(), "node", "node_modules/vite/bin/vite.js", "build", "--mode=development", "--outDir="+dist,
	)
	cmd.Dir = exampleFolder
	cmd.Env = append(os.Environ(), "NODE_ENV=development")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	built, err := filepath.Glob(dist + "/assets/*.js")
	require.NoError(t, err)
	require.NotEmpty(t, built)
	s := &site{}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir(dist)))
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		_, _ = fmt.Fprintf(w, `{"orderId":%q,"orderNumber":"YZ-1024","status":%q}`, r.PathValue("id"), s.status)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *site) set(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *site) timesAsked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// page is the address of one of the site's pages.
func (s *site) page(herald, token string, more url.Values) string {
	more.Set("herald", herald)
	more.Set("token", token)
	more.Set("retry", exampleDelays)
	return s.url + "/#" + more.Encode()
}

// A browser and a build take seconds; both pages share them.
//
// Acceptance.
func TestTheExamplePagesMissNothing(t *testing.T) {
	t.Parallel()
	b, s := browse(t), openSite(t)
	orderPage(t, b, s)
	adminPage(t, b, s)
}

// pageServer is a node, not yet started, that allows the shop's pages.
func pageServer(t *testing.T, dsn string, s *site) *server {
	t.Helper()
	address := freeAddress(t)
	return &server{
		env: settings(dsn, "HERALD_LISTEN="+address, "HERALD_REPLAY_LIMIT=4", "HERALD_ALLOWED_ORIGINS="+s.url),
		url: "http://" + address,
	}
}

func orderPage(t *testing.T, b browser, s *site) {
	t.Helper()
	dsn := pgtest.New(t).DSN()
	node := pageServer(t, dsn, s)
	producer, o := produce(t, dsn), newOrder()
	var lines []string
	sequence := 0
	event := func(eventType, status string) (id uuid.UUID) {
		t.Helper()
		id = publish(
			t, producer, "publish_order_event($1, $2, 'YZ-1024', $3, $4, $5)", eventType, o.id, status, o.restaurant,
			o.customer,
		)
		sequence++
		lines = append(lines, fmt.Sprintf("%d %s", sequence, status))
		s.set(status)
		return id
	}
	shown := func(p tab) {
		t.Helper()
		p.shows(t, "#events li", strings.Join(lines, "\n"))
	}

	other := serve(t, dsn)
	awaitRelayed(t, producer, event("OrderPlaced", "Placed"))
	lines = nil // it came before the page did
	p := b.open(t, s.page(node.url, user(t, o.customer), url.Values{"order": {o.id.String()}, "shop": {s.url}}))
	p.complains(t) // the first start has failed
	node.start(t)
	p.shows(t, "#status", "Placed") // the shop's text
	event("OrderPaymentFailed", "Placed")
	event("OrderPaymentSucceeded", "Paid")
	event("OrderStatusChanged", "Preparing")
	shown(p)
	p.shows(t, "#status", "Preparing")
	// StrictMode mounts twice: one of the connections has ended, and no event came twice.
	awaitMetric(t, node.url, `herald_connections{hub="customer-orders"} 1`+"\n")

	code, _ := node.terminate(t)
	require.Zero(t, code)
	event("OrderStatusChanged", "Ready")
	node.start(t)
	shown(p)

	node.kill(t)
	event("OrderStatusChanged", "OnItsWay")
	p.complains(t) // SignalR's client has given up
	node.start(t)
	shown(p)

	node.kill(t) // more than is replayed
	missed, asked, last := len(lines), s.timesAsked(), uuid.Nil
	for range 5 {
		last = event("OrderStatusChanged", "Delivered")
	}
	lines = lines[:missed]
	awaitRelayed(t, producer, last)
	p.complains(t)
	node.start(t)
	p.shows(t, "#status", "Delivered")
	shown(p)
	require.Equal(t, asked+1, s.timesAsked(), "the shop is asked again where there is a gap")
	event("OrderStatusChanged", "Archived")
	shown(p)
	other.kill(t)
	p.close(t)
}

func adminPage(t *testing.T, b browser, s *site) {
	t.Helper()
	dsn := pgtest.New(t).DSN()
	node := pageServer(t, dsn, s)
	producer := produce(t, dsn)
	send := func(eventType, payload string) {
		publish(t, producer, "publish_admin_event($1, $2)", eventType, payload)
	}
	alert := func(message string) { send("SystemAlert", `{"type":"warning","message":"`+message+`"}`) }

	node.start(t)
	p := b.open(t, s.page(node.url, admin(t), url.Values{"page": {"admin"}}))
	awaitMetric(t, node.url, "herald_subscriptions 3\n") // admins is one of them
	send(
		"AnalyticsUpdate",
		`{"totalUsers":5432,"activeUsers":234,"websitesGenerated":1,"imagesGenerated":1,"revenue":12.5}`,
	)
	p.shows(t, "#analytics p", "Active Users: 234\nTotal Users: 5432\nRevenue: $12.5")
	alert("first")
	p.shows(t, "#alerts .alert", "first")
	node.kill(t)
	alert("while away")
	p.complains(t)
	node.start(t)
	p.shows(t, "#alerts .alert", "while away\nfirst") // not silent after a restart
	alert("back")
	p.shows(t, "#alerts .alert", "back\nwhile away\nfirst")
	p.close(t)
}
