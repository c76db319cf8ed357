package e2e_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func logged(message string) func(line string) bool {
	return func(line string) bool { return strings.Contains(line, `"msg":"`+message+`"`) }
}

func TestServerWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t, nil)
	dsn := cluster.DSN()
	require.NoError(t, cluster.Stop(t.Context()))
	s := &server{env: settings(dsn, "HERALD_LISTEN=127.0.0.1:0")}
	s.process = start(t, s.env, "serve")
	s.logs.await(t, 0, "the server to say what it waits for", logged("waiting for the database"))
	impatient := start(t, s.env, "serve")
	impatient.logs.await(t, 0, "the other to wait as well", logged("waiting for the database"))
	require.NoError(t, impatient.cmd.Process.Signal(syscall.SIGTERM))
	require.Zero(t, impatient.ended(t), "it can be told to stop waiting")
	_, logs := s.texts()
	require.NotContains(t, logs, "serving")

	require.NoError(t, cluster.Restart(t.Context()))
	s.attend(t)
	o := newOrder()
	o.changed(t, produce(t, dsn), "Placed")
	c := drive(t).connect(t, s.url+customerHub, user(t, "alice"))
	require.Equal(t, "resumed", object(t, c.call(t, "ResumeOrder", o.id, uuid.Nil))["status"])
	c.next(t)
}

// Acceptance.
func TestServerRefusesToStart(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	var listen net.ListenConfig
	taken, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	withoutRole := strings.Replace(dsn, "://herald:", "://nobody:", 1)
	require.NotEqual(t, dsn, withoutRole)
	for name, c := range map[string]struct {
		env  []string
		says []string
	}{
		"without migrations": {settings(pgtest.NewEmpty(t).DSN()), []string{"herald migrate up"}},
		"without a key": {
			settings(dsn, "HERALD_JWT_SECRET="),
			[]string{"HERALD_JWT_SECRET", "HERALD_JWT_PUBLIC_KEY_FILE", "HERALD_JWKS_URL"},
		},
		"on an address that is taken": {
			settings(dsn, "HERALD_LISTEN="+taken.Addr().String()),
			[]string{"HERALD_LISTEN", taken.Addr().String(), "address already in use"},
		},
		"with a short secret": {settings(dsn, "HERALD_JWT_SECRET=short"), []string{"secret"}},
		"with half of a certificate": {
			settings(dsn, "HERALD_TLS_CERT_FILE=/nowhere.pem"), []string{"HERALD_TLS_CERT_FILE and HERALD_TLS_KEY_FILE"},
		},
		"with a wrong password": {settings(withoutRole), []string{"nobody"}},
		"with a database URL that is none": {
			settings("postgres://herald:hush@[127.0.0.1:1/x"), []string{"HERALD_DATABASE_URL"},
		},
	} {
		code, _, logs := herald(t, c.env, "serve", "--listen="+listenOf(c.env))
		require.Equal(t, 1, code, "%s: %s", name, logs)
		for _, words := range c.says {
			require.Contains(t, logs, words, name)
		}
		require.NotContains(t, logs, "hush", "no password")
		require.NotContains(t, logs, "serving", name)
	}
	code, _, logs := herald(t, nil, "serve", "--no-such-flag")
	require.NotZero(t, code)
	require.Contains(t, logs, "no-such-flag")
}

// listenOf is the address that env names, else a free one.
func listenOf(env []string) string {
	for _, e := range env {
		if address, ok := strings.CutPrefix(e, "HERALD_LISTEN="); ok {
			return address
		}
	}
	return "127.0.0.1:0"
}

// Acceptance: A-151.
func TestTerminationSendsClientsElsewhere(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d := serve(t, dsn, "HERALD_SHUTDOWN_TIMEOUT=5s", "HERALD_SHUTDOWN_SPREAD=1s"), drive(t)
	var clients []*client
	for _, hub := range []string{customerHub, restaurantHub, teamCartHub} {
		clients = append(clients, d.connect(t, s.url+hub, user(t, "alice")))
	}
	clients = append(clients, d.connect(t, s.url+adminHub, admin(t)))
	final, a := d.open(t, s.url+customerHub, options{Tokens: []string{user(t, "alice")}}) // does not reconnect
	require.Empty(t, a.Error)
	deaf := dialDeaf(t, s, user(t, "alice"))
	defer deaf.Close()

	code, took := s.terminate(t)
	require.Zero(t, code)
	require.Less(
		t, took, 25*time.Second,
		"the shutdown time-out of 5 s bounds it, whoever does not answer, on however slow a machine",
	)
	for _, c := range clients {
		c.until(t, "reconnecting") // the close message allowed it
	}
	final.until(t, "closed")
	s.env = append(s.env, "HERALD_SHUTDOWN_TIMEOUT=60s")
	s.start(t)
	for _, c := range clients {
		c.until(t, "reconnected")
	}
	code, took = s.terminate(t)
	require.Zero(t, code)
	require.Less(t, took, 30*time.Second, "clients that answer are not waited for")
}

// dialDeaf opens a WebSocket whose client reads nothing after the handshake and never says goodbye.
func dialDeaf(t *testing.T, s *server, token string) net.Conn {
	t.Helper()
	host := strings.TrimPrefix(s.url, "http://")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
	require.NoError(t, err)
	_, err = conn.Write(
		[]byte("GET " + customerHub + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + token +
			"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
	)
	require.NoError(t, err)
	status, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, status, "101")
	return conn
}

// TestServeWithoutADatabaseStartsOne: it says so, and keeps its data.
//
// Acceptance.
func TestServeWithoutADatabaseStartsOne(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s := &server{env: []string{"HERALD_DATA_DIR=" + dir, "HERALD_JWT_SECRET=" + secret, "HERALD_LISTEN=127.0.0.1:0"}}
	s.start(t)
	_, logs := s.texts()
	require.Contains(t, logs, "HERALD_DATABASE_URL is not set")
	env := []string{"HERALD_DATA_DIR=" + dir}
	resource, restaurant := uuid.NewString(), uuid.NewString()
	code, id, logs := herald(
		t, env, "publish", "OrderPlaced", "--resource="+resource, "--restaurant="+restaurant, "--customer=alice",
		`--payload={"orderNumber":"YZ-1","status":"Placed"}`)
	require.Zero(t, code, logs)
	c := drive(t).connect(t, s.url+customerHub, user(t, "alice"))
	c.call(t, "ResumeOrder", resource, uuid.Nil)
	require.Contains(t, string(c.next(t).Args[0]), id)
	code, _ = s.terminate(t)
	require.Zero(t, code)
	s.start(t)
	c = drive(t).connect(t, s.url+customerHub, user(t, "alice"))
	c.call(t, "ResumeOrder", resource, uuid.Nil)
	require.Contains(t, string(c.next(t).Args[0]), id)
}

// openDir is a temporary directory that another user's database server can enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "herald-e2e-data-") //nolint:usetesting // what t.TempDir makes is closed to others
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "data")
}

// TestDevIsEverythingOnOneMachine uses the output of `herald dev`, and follows its simulated customer's order.
//
// Acceptance.
func TestDevIsEverythingOnOneMachine(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "dev", "--data-dir="+openDir(t), "--listen=127.0.0.1:0", "--pace=20ms")
	hubs, _ := p.out.await(t, 0, "the hubs", func(line string) bool { return strings.HasPrefix(line, "Hubs ") })
	url, _, _ := strings.Cut(strings.Fields(hubs)[1], "/hubs/")
	field := func(label string) []string {
		line, _ := p.out.await(t, 0, label, func(line string) bool { return strings.HasPrefix(line, label) })
		return strings.Fields(line)
	}
	resources := field("Restaurant ")
	restaurant, order, cart := resources[1], resources[4], resources[8]
	d := drive(t)
	customer := d.connect(t, url+customerHub, field("customer")[1])
	require.True(t, eventually(func() bool { // until the simulation has placed the order
		return await(t, customer.begin(t, "ResumeOrder", order, uuid.Nil), "ResumeOrder").Error == ""
	}))
	customer.next(t)
	staff := d.connect(t, url+restaurantHub, field("restaurant")[1])
	staff.call(t, "SubscribeToRestaurant", restaurant)
	staff.next(t)
	member := d.connect(t, url+teamCartHub, field("customer")[1])
	member.call(t, "ResumeCart", cart, nil, true)
	member.next(t)
	root := d.connect(t, url+adminHub, field("admin")[1])
	root.receivesGreeting(t)
	root.call(t, "SubscribeToAnalytics")
	root.next(t)
	stats := root.call(t, "GetPlatformStats")
	require.NotContains(t, string(stats), "null", "each of the statistics has been set")
	for _, person := range []string{"customer", "restaurant", "admin"} {
		_, err := uuid.Parse(subject(t, field(person)[1]))
		require.NoError(t, err, "people are UUIDs, as in the documents")
	}
	requireOriginAllowed(t, url, "http://localhost:5173")

	// The printed command works unchanged, in any folder.
	line, _ := p.out.await(
		t, 0, "the command that follows", func(line string) bool { return strings.HasPrefix(line, "Follow one") },
	)
	following := startOf(t, "sh", nil, "-c", "exec "+strings.TrimPrefix(line, "Follow one"))
	following.out.await(t, 0, "an event", func(line string) bool { return strings.Contains(line, "ReceiveOrder") })
	line, _ = p.out.await(t, 0, "the database", func(line string) bool { return strings.HasPrefix(line, "Database") })
	_, dsn, found := strings.Cut(line, "· psql ")
	require.True(t, found, line)
	conn, err := pgx.Connect(t.Context(), strings.Trim(dsn, "'"))
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Zero(t, p.ended(t))
}

// subject is the user of a token.
func subject(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var c struct {
		Subject string `json:"sub"`
	}
	require.NoError(t, json.Unmarshal(claims, &c))
	return c.Subject
}

// requireOriginAllowed requires that pages of an origin may connect, and read the answers.
func requireOriginAllowed(t *testing.T, url, origin string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, url+customerHub+"/negotiate", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Origin", origin)
	request.Header.Set("Access-Control-Request-Method", http.MethodPost)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusNoContent, response.StatusCode)
	require.Equal(t, origin, response.Header.Get("Access-Control-Allow-Origin"))
}

// A tail that can never succeed ends, and says why and what to do.
//
// Acceptance: A-544.
func TestATailThatCannotSucceedEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, pgtest.New(t).DSN(), "HERALD_FEATURE_TEAMCART=false")
	id := uuid.NewString()
	for _, c := range []struct {
		group string
		env   []string
		want  string
	}{
		{"order:" + id, nil, "there is no key of `herald dev` here"},
		{"order:" + id, []string{"HERALD_JWT_SECRET=" + strings.Repeat("another ", 5)}, "herald token inspect"},
		{"order:" + id, []string{"HERALD_JWT_SECRET=" + secret}, `\"herald-tail\" may not follow order:` + id},
		{"teamcart:" + id, []string{"HERALD_JWT_SECRET=" + secret}, "HERALD_FEATURE_TEAMCART"},
		{"alerts", []string{"HERALD_JWT_SECRET=" + secret, "HERALD_ADMIN_ROLE=Other"}, "HERALD_ADMIN_ROLE"},
		{"order:1", []string{"HERALD_JWT_SECRET=" + secret}, "order:1"},
		{"orders:" + id, []string{"HERALD_JWT_SECRET=" + secret}, "orders:"},
	} {
		code, _, logs := herald(t, c.env, "tail", c.group, "--url", s.url)
		require.Equal(t, 1, code, c.group)
		require.Contains(t, strings.ReplaceAll(logs, `"`, `\"`), c.want)
	}
}
