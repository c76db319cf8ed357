package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// log holds a node's log lines.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// starter is a node that is starting.
type starter struct {
	*app.App
	cfg   hubclient.Config
	ended chan error
	stop  func()
	log   *log
}

// begin runs a node without waiting until it serves. It is stopped when the test ends.
func begin(t *testing.T, at app.Config) *starter {
	t.Helper()
	s := &starter{ended: make(chan error, 1), log: &log{}}
	at.Auth, at.Server = believing(), nodeSettings(func(*app.Settings) {})
	at.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	var err error
	s.App, err = app.New(t.Context(), at)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s.stop = cancel
	t.Cleanup(cancel)
	go func() { s.ended <- s.Run(ctx) }()
	s.cfg = hubclient.Config{
		URL: "http://" + s.Addr().String(), Token: func(context.Context) (string, error) { return "none", nil },
	}
	return s
}

// serves waits until the node serves.
func (s *starter) serves(t *testing.T, why string) {
	t.Helper()
	select {
	case <-s.Serving():
	case err := <-s.ended:
		require.FailNow(t, "the node has ended", "%s: %v", why, err)
	case <-time.After(patience):
		require.FailNow(t, "the node does not serve", why)
	}
}

// ends stops the node.
func (s *starter) ends(t *testing.T, why string) {
	t.Helper()
	s.stop()
	require.NoError(t, within(t, s.ended, "the end of the node"), why)
}

// waits checks that the node is alive and waits, and for the expected reason.
func (s *starter) waits(t *testing.T, because string) {
	t.Helper()
	becomes(t, s.cfg, http.StatusServiceUnavailable, because)
	status, _ := ask(t, s.cfg, http.MethodGet, "/healthz", "")
	require.Equal(t, http.StatusOK, status)
	for _, path := range []string{
		"/hubs/customer-orders/negotiate?negotiateVersion=1", "/api/admin/realtime/alerts/info",
	} {
		status, _ = ask(t, s.cfg, http.MethodPost, path, "")
		require.Equal(t, http.StatusServiceUnavailable, status, path)
	}
	status, body := ask(t, s.cfg, http.MethodGet, "/api/admin/realtime/health", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, `"status":"unhealthy"`)
	require.Equal(t, 1, s.log.count("waiting for the database"), "however many attempts it takes")
	require.Empty(t, s.ended)
}

// A temporary failure is waited for, in whichever step of the start it comes.
//
// Acceptance.
func TestAStartingNodeWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hurt    func(p *pgtest.Proxy)
		because string
	}{
		"which refuses connections":    {(*pgtest.Proxy).Shut, "EOF"},
		"which does not answer":        {(*pgtest.Proxy).Ignore, "timeout"},
		"which is starting":            {func(p *pgtest.Proxy) { p.Answer("57P03") }, "57P03"},
		"which is ending":              {func(p *pgtest.Proxy) { p.Answer("57P01") }, "57P01"},
		"which has crashed":            {func(p *pgtest.Proxy) { p.Answer("57P02") }, "57P02"},
		"which has no connection left": {func(p *pgtest.Proxy) { p.Answer("53300") }, "53300"},
		"behind a pooler without it":   {func(p *pgtest.Proxy) { p.Answer("08006") }, "08006"},
		"which is broken":              {func(p *pgtest.Proxy) { p.Answer("XX000") }, "XX000"},
		"whose disk is full":           {func(p *pgtest.Proxy) { p.Answer("53100") }, "53100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := pgtest.NewProxy(t, pgtest.New(t))
			c.hurt(proxy)
			dsn := proxy.DSN() + "&connect_timeout=1"
			s := begin(t, app.Config{DatabaseURL: dsn, ListenDatabaseURL: dsn})
			require.Eventually(t, func() bool { return proxy.Rejected() >= 3 }, patience, 10*time.Millisecond)
			s.waits(t, c.because)
			proxy.Reopen()
			s.serves(t, name)
			becomes(t, s.cfg, http.StatusOK, "ready")
			s.ends(t, name)
		})
	}
}

// A host name that is not known yet may appear as a deployment proceeds, so the node waits.
//
// Acceptance: A-425.
func TestAStartingNodeWaitsForItsDatabasesName(t *testing.T) {
	t.Parallel()
	s := begin(t, app.Config{DatabaseURL: "postgres://herald:sesame@not-yet.invalid/herald?connect_timeout=1"})
	s.waits(t, "not-yet.invalid")
	require.Zero(t, s.log.count("sesame"))
	s.ends(t, "told to stop while it waits")
}

// Acceptance: A-425.
func TestAStartingNodeWaitsForTheStandbysPromotion(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t, nil)
	cluster.Demote(t)
	s := begin(t, app.Config{DatabaseURL: cluster.DSN()})
	s.waits(t, "read-only")
	_, err := cluster.Pool(t).Exec(t.Context(), "SELECT pg_promote(true, 60)")
	require.NoError(t, err)
	s.serves(t, "promoted")
	s.ends(t, "promoted")
}

// Connections are cut behind the k-th answer, from either end, wherever the start is by then.
//
// Acceptance: A-424.
func TestANodeStartsWhereverItsConnectionsAreCut(t *testing.T) {
	t.Parallel()
	const answers, workers = 60, 4
	for worker := range workers {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			pool := db.Pool(t)
			for k := worker + 1; k <= answers; k += workers {
				for way, cut := range map[string]func(p *pgtest.Proxy){
					"reset": (*pgtest.Proxy).Cut,
					"57P01": func(*pgtest.Proxy) {
						_, err := pool.Exec(context.WithoutCancel(t.Context()), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
							WHERE datname = current_database() AND pid <> pg_backend_pid()`)
						if err != nil { // another connection of this pool may have been hit before
							t.Log(err)
						}
					},
				} {
					why := fmt.Sprintf("%s behind answer %d", way, k)
					proxy := pgtest.NewProxy(t, db)
					cut := sync.OnceFunc(func() { cut(proxy) })
					proxy.Behind(k, cut)
					s := begin(t, app.Config{DatabaseURL: proxy.DSN(), ListenDatabaseURL: proxy.DSN()})
					s.serves(t, why)
					cut() // where the start is over before
					becomes(t, s.cfg, http.StatusOK, "ready")
					require.LessOrEqual(t, s.log.count("waiting for the database"), 1, why)
					s.ends(t, why)
				}
			}
		})
	}
}

// A failure that waiting does not mend ends the start at once, with the reason.
//
// Acceptance.
func TestAStartingNodeEndsForWhatWaitingDoesNotMend(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	at := func(dsn string) func(*testing.T) string { return func(*testing.T) string { return dsn } }
	answering := func(code string) func(t *testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			proxy := pgtest.NewProxy(t, db)
			proxy.Answer(code)
			return proxy.DSN()
		}
	}
	claiming := func(major string) func(t *testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			var num string
			require.NoError(t, db.Pool(t).QueryRow(t.Context(), "SHOW server_version_num").Scan(&num))
			proxy := pgtest.NewProxy(t, db)
			proxy.Replace(t, num, major+num[2:])
			return proxy.DSN()
		}
	}
	for name, c := range map[string]struct {
		dsn  func(t *testing.T) string
		says string
	}{
		"no such login":                  {answering("28000"), "28000"},
		"a wrong password":               {at(strings.Replace(db.DSN(), "://herald:", "://herald:wrong", 1)), "28P01"},
		"no such database":               {at(strings.Replace(db.DSN(), db.Name, "nowhere", 1)), "3D000"},
		"a right that is missing":        {answering("42501"), "42501"},
		"an old server":                  {claiming("14"), "PostgreSQL 15 to 18 are supported"},
		"a new server":                   {claiming("19"), "PostgreSQL 15 to 18 are supported"},
		"missing migrations":             {at(pgtest.NewEmpty(t).DSN()), "herald migrate up"},
		"a restored dump":                {restored, "herald migrate reseed"},
		"a certificate of somebody else": {at(impostor(t) + "?sslmode=verify-full"), "failed to verify certificate"},
		"a certificate of no authority":  {at(impostor(t) + "?sslmode=verify-ca"), "signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := c.dsn(t)
			s := begin(t, app.Config{DatabaseURL: dsn, ListenDatabaseURL: dsn})
			err := within(t, s.ended, "the end of the node")
			require.ErrorContains(t, err, c.says)
			require.Equal(t, 1, strings.Count(err.Error(), c.says), err)
			require.Zero(t, s.log.count(c.says), "whoever ran the node tells it, and nobody else")
			require.Zero(t, s.log.count("waiting for the database"))
		})
	}
	for name, wrong := range map[string]app.Config{
		"HERALD_DATABASE_URL cannot be read":        {DatabaseURL: "postgres://herald:sesame@127.0.0.1:port/d"},
		`"256.1.1.1" is neither`:                    {DatabaseURL: "postgres://herald:sesame@256.1.1.1/d"},
		`"db_1..example" is neither`:                {DatabaseURL: "postgres://herald:sesame@db_1..example/d"},
		"HERALD_LISTEN_DATABASE_URL cannot be read": {DatabaseURL: db.DSN(), ListenDatabaseURL: "nowhere"},
	} {
		wrong.Auth, wrong.Server = believing(), nodeSettings(func(*app.Settings) {})
		_, err := app.New(t.Context(), wrong)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "sesame")
	}
}

// restored is a database whose transaction ids were given to another one.
func restored(t *testing.T) string {
	t.Helper()
	db := pgtest.New(t)
	_, err := db.Pool(t).Exec(t.Context(), `UPDATE herald.epoch SET system_identifier = system_identifier + 1`)
	require.NoError(t, err)
	return db.DSN()
}

// impostor is a server that speaks TLS with a certificate that no authority has signed.
func impostor(t *testing.T) string {
	t.Helper()
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certified.Close)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil { // an SSLRequest
					return
				}
				_, _ = conn.Write([]byte("S"))
				_ = tls.Server(conn,
					&tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}).Handshake() //nolint:noctx // the client hangs up
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return "postgres://herald@" + l.Addr().String() + "/herald"
}
