package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Acceptance.
func TestMigrations(t *testing.T) {
	t.Parallel()
	dsn := pgtest.NewEmpty(t).DSN()
	env := settings(dsn)
	run := func(want int, args ...string) (out, logs string) {
		t.Helper()
		code, out, logs := herald(t, env, args...)
		require.Equal(t, want, code, "%v: %s%s", args, out, logs)
		return out, logs
	}
	out, logs := run(1, "migrate", "status")
	require.Regexp(t, "(?m)pending$", out)
	require.NotRegexp(t, "(?m)applied$", out)
	require.Contains(t, logs, "herald migrate up")
	out, _ = run(1, "check")
	require.Regexp(t, `(?m)^FAIL +migrations: .*herald migrate up`, out)

	done := make(chan int, 2) // two at once take turns
	for range cap(done) {
		p := start(t, env, "migrate", "up")
		go func() {
			<-p.done
			done <- p.cmd.ProcessState.ExitCode()
		}()
	}
	for range cap(done) {
		require.Zero(t, <-done)
	}
	run(0, "migrate", "up")
	out, _ = run(0, "migrate", "status")
	require.Regexp(t, "(?m)applied$", out)
	require.NotRegexp(t, "(?m)pending$", out)
	out, _ = run(0, "check")
	require.NotContains(t, out, "FAIL")
	for _, finding := range []string{
		"settings", "tokens", "database reachable", "PostgreSQL", "migrations", "outbox", "daily partitions",
		"HERALD_AUTHORIZE_FUNCTION",
	} {
		require.Contains(t, out, finding)
	}
	serve(t, dsn)
}

// Acceptance: A-395.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	for finding, env := range map[string]string{
		"settings":                  "HERALD_REPLAY_LIMIT=0",
		"tokens":                    "HERALD_JWT_SECRET=",
		"HERALD_AUTHORIZE_FUNCTION": "HERALD_AUTHORIZE_FUNCTION=public.nowhere",
		"notifications":             "HERALD_LISTEN_DATABASE_URL=postgres://u@127.0.0.1:1/d",
	} {
		code, out, logs := herald(t, settings(dsn, env), "check")
		require.Equal(t, 1, code, "%s%s", out, logs)
		require.Regexp(t, "(?m)^FAIL +"+finding, out)
		require.Regexp(t, "(?m)^ok +migrations", out, "one finding does not hide the others")
	}
}

func TestMigratingTakesADirectConnection(t *testing.T) {
	t.Parallel()
	db := pgtest.NewEmpty(t)
	pooled := settings(pgtest.NewPooler(t, db, 3).DSN(""))
	code, _, logs := herald(t, pooled, "migrate", "up")
	require.Equal(t, 1, code)
	require.Contains(t, logs, "set HERALD_LISTEN_DATABASE_URL to the database itself")
	code, _, logs = herald(t, append(pooled, "HERALD_LISTEN_DATABASE_URL="+db.DSN()), "migrate", "up")
	require.Zero(t, code, logs)
	code, out, _ := herald(t, pooled, "check")
	require.Equal(t, 1, code)
	require.Contains(t, out, "ok    connections: through a pooler")
	require.Contains(t, out, "FAIL  notifications (LISTEN): notifications do not arrive")
}

// Acceptance.
func TestPublishTraceAndTail(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s := serve(t, dsn)
	env := settings(dsn, "HERALD_URL="+s.url)
	o := newOrder()
	run := func(args ...string) string {
		t.Helper()
		code, out, logs := herald(t, env, args...)
		require.Zero(t, code, "%v: %s%s", args, out, logs)
		return strings.TrimSpace(out)
	}
	order := func(status string, more ...string) string {
		t.Helper()
		return run(append([]string{
			"publish", "OrderStatusChanged", "--resource=" + o.id.String(), "--restaurant=" + o.restaurant.String(),
			"--customer=alice", `--payload={"orderNumber":"YZ-1024","status":"` + status + `"}`,
		}, more...)...)
	}
	first := order("Placed")

	// The token that `herald token` prints opens the groups of its permissions.
	token := run("token", "--subject=root", "--role=Admin", "--permission=OrderOwner:"+o.id.String(), "--ttl=1m")
	require.Equal(t, http.StatusOK, negotiated(t, s, adminHub, token))
	require.Equal(
		t, http.StatusUnauthorized,
		negotiated(t, s, adminHub, run("token", "--subject=root", "--role=Admin", "--ttl=-1m")),
	)

	s.kill(t)
	id := uuid.NewString()
	require.Equal(t, id, order("Ready", "--event-id="+id))
	require.Regexp(t, `(?m)^\S+Z +written +row \d+ of the outbox\n- +waiting `, run("trace", id))
	s.start(t)
	follower := start(t, env, "tail", "order:"+o.id.String(), "--token="+token, "--beginning", "--json")
	at := 0
	followed := func(id string) {
		t.Helper()
		line, next := follower.out.await(t, at, "an event", func(string) bool { return true })
		at = next
		var e struct {
			EventID   string
			Sequence  int64
			Method    string
			Arguments []json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		require.Equal(t, id, e.EventID)
		require.Equal(t, "ReceiveOrderStatusChanged", e.Method)
		require.EqualValues(t, at, e.Sequence)
	}
	followed(first)
	followed(id)
	followed(order("Preparing"))
	var trace string
	require.True(t, eventually(func() bool {
		trace = run("trace", id)
		return !strings.Contains(trace, "no node has told so")
	}), "the node tells what it has broadcast")
	require.Regexp(t, `(?m)^\S+Z +relayed +order:`+o.id.String()+`, sequence 2, position \d+, by node \S+ on `, trace)
	require.Regexp(
		t, `(?m)^\S+Z +relayed +restaurant:`+o.restaurant.String()+`, sequence 2, position \d+, by node \S+ on `, trace,
	)
	require.Regexp(t, `(?m)^\S+Z +broadcast +restaurant:`+o.restaurant.String()+`, to 0 connections, by node `, trace)

	// The same for programs, and over REST.
	order("Ready", "--event-id="+id)
	require.True(t, eventually(func() bool { return strings.Contains(run("trace", id), "is a duplicate of row") }))
	var story map[string]any
	require.NoError(t, json.Unmarshal([]byte(run("trace", id, "--json")), &story))
	require.Equal(t, id, story["eventId"])
	require.EqualValues(t, 2, story["timesPublished"])
	require.Len(t, story["places"], 2)
	const path = "/api/admin/outbox/events/"
	status, answer := request(t, http.MethodGet, s.url+path+id, admin(t), "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, story, answer.decode(t))
	status, _ = request(t, http.MethodGet, s.url+path+uuid.NewString(), admin(t), "")
	require.Equal(t, http.StatusNotFound, status)
	status, _ = request(t, http.MethodGet, s.url+path+id, user(t, "alice"), "")
	require.Equal(t, http.StatusForbidden, status)

	scheduled := order("Delivered", "--after="+time.Now().Add(2*time.Second).UTC().Format(time.RFC3339Nano))
	require.Regexp(t, `(?m)^\S+Z +scheduled `, run("trace", scheduled))
	followed(scheduled)
	code, out, logs := herald(t, env, "trace", uuid.NewString())
	require.Equal(t, 1, code)
	require.Regexp(t, `^- +unknown `, out)
	require.Contains(t, logs, "Check the id.")

	require.Regexp(t, `^herald \S+ \(go\S+, \w+/\w+\)$`, run("version"))
	for _, bad := range [][]string{
		{"publish", "NoSuchEvent", "--resource=" + o.id.String()},
		{"publish", "OrderPlaced", "--resource=" + o.id.String()},
		{"publish", "OrderPlaced", "--resource=nonsense"},
		{"publish", "SystemAlert", "--payload={"},
		{"publish", "SystemAlert", `--payload={"type":"nonsense"}`},
		{"trace", "nonsense"},
		{"token"},
		{"tail", "order:nonsense"},
		{"nonsense"},
		{},
	} {
		code, out, logs := herald(t, env, bad...)
		require.NotZero(t, code, bad)
		require.NotEmpty(t, logs, bad)
		require.NotContains(t, out, "-0", "no event id: %v", bad)
	}
}

// Acceptance: A-400.
func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{
		{},
		{"serve"},
		{"dev"},
		{"migrate"},
		{"migrate", "up"},
		{"migrate", "status"},
		{"migrate", "reseed"},
		{"token"},
		{"token", "mint"},
		{"token", "inspect"},
		{"publish"},
		{"trace"},
		{"tail"},
		{"check"},
		{"version"},
		{"dead"},
		{"dead", "list"},
		{"dead", "retry"},
		{"dead", "drop"},
		{"relay"},
		{"relay", "pause"},
		{"relay", "resume"},
		{"relay", "status"},
		{"bench"},
		{"bench", "publish"},
		{"bench", "relay"},
		{"bench", "latency"},
		{"bench", "fanout"},
		{"bench", "idle"},
		{"bench", "invoke"},
		{"bench", "storm"},
		{"bench", "replay"},
	} {
		code, out, logs := herald(t, nil, append(command, "--help")...)
		require.Zero(t, code, "%v: %s", command, logs)
		require.Contains(t, out, "Usage: herald")
	}
}

func TestTheRelayIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	nodes := []*server{serve(t, dsn), serve(t, dsn)}
	d := drive(t)
	o := newOrder()
	token := mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}})
	run := func(args ...string) string {
		t.Helper()
		code, out, logs := herald(t, settings(dsn), append([]string{"relay"}, args...)...)
		require.Zero(t, code, "%v: %s%s", args, out, logs)
		return out
	}
	var clients []*client
	for _, node := range nodes {
		clients = append(clients, d.followed(t, node.url+customerHub, token, "ResumeOrder", o.id))
	}
	first := o.changed(t, produce(t, dsn), "Placed")
	for _, c := range clients {
		require.Equal(t, delivery{first, 1}, received(c.next(t)))
	}
	require.Contains(t, run("pause", "--by", "ops\nfor the upgrade"), "paused")
	require.Contains(t, run("pause"), "already")
	second := o.changed(t, produce(t, dsn), "Preparing")
	require.Regexp(
		t, `^paused since .* by ops for the upgrade; position 2, last relayed .*; 1 rows wait, the oldest for`,
		run("status"),
	)
	code, out, _ := herald(t, settings(dsn), "check")
	require.Equal(t, 1, code)
	require.Regexp(t, "(?m)^FAIL +relay: paused since .* by ops for the upgrade", out)
	for _, c := range clients {
		c.quiet(t)
	}
	require.Contains(t, run("resume"), "resumed")
	require.Contains(t, run("resume"), "not paused")
	for _, c := range clients {
		require.Equal(t, delivery{second, 2}, received(c.next(t)))
	}
	require.Regexp(t, `^relaying; position 4, `, run("status"))
}

func TestARestoredDatabaseIsReseeded(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	o := newOrder()
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, logs := herald(t, settings(db.DSN()), args...)
		require.Equal(t, want, code, "%v: %s%s", args, out, logs)
		return out + logs
	}
	require.Contains(t, run(0, "migrate", "reseed"), "nothing to do")
	id := o.changed(t, produce(t, db.DSN()), "Placed")
	_, err := pool.Exec(t.Context(), `UPDATE herald.epoch SET system_identifier = system_identifier - 1;
		UPDATE herald.relay_checkpoint SET snapshot = '4000000000:4000000000:', floor = herald.last_seq()`)
	require.NoError(t, err)
	require.Contains(t, run(1, "serve", "--listen", freeAddress(t)), "herald migrate reseed")
	require.Contains(t, run(1, "check"), "herald migrate reseed")
	// A dump contains the rows of the nodes that ran when it was made: no command waits for them.
	_, err = pool.Exec(t.Context(), `INSERT INTO herald.node (node_id, host, version, broadcast_position, connections)
		SELECT gen_random_uuid(), 'dumped', 'v', 0, '{}' FROM generate_series(1, 3)`)
	require.NoError(t, err)
	require.Contains(t, run(0, "migrate", "reseed"), "1 of 1 events have no place in the log")
	var dumped int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM herald.node").Scan(&dumped))
	require.Zero(t, dumped, "other nodes would look for them where they were")
	serve(t, db.DSN())
	require.True(t, eventually(func() bool {
		var status string
		err := pool.QueryRow(t.Context(), "SELECT status FROM herald.event_status($1) LIMIT 1", id).Scan(&status)
		return err == nil && status == "relayed"
	}))
	_, err = pool.Exec(t.Context(), `UPDATE herald.epoch SET system_identifier = system_identifier - 1`)
	require.NoError(t, err)
	require.Contains(t, run(1, "migrate", "reseed"), "1 nodes are running")
}
