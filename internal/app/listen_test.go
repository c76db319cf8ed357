package app_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// counter counts log lines of at least the level of a warning.
type counter struct {
	slog.Handler
	warnings *atomic.Int64
}

func (c counter) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (c counter) Handle(context.Context, slog.Record) error { c.warnings.Add(1); return nil }

func (c counter) WithAttrs([]slog.Attr) slog.Handler { return c }

func (c counter) WithGroup(string) slog.Handler { return c }

// metric returns the value that /metrics shows.
func metric(t *testing.T, cfg hubclient.Config, name string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, cfg.URL+"/metrics", nil)
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	_, value, _ := strings.Cut(string(body), "\n"+name+" ")
	value, _, _ = strings.Cut(value, "\n")
	return value
}

// Where no connection can listen, the node finds events by looking. It says so, once, and listens again as soon as
// it can.
func TestANodeThatCannotListenDelivers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	proxy := pgtest.NewProxy(t, db)
	proxy.Shut()
	var warnings atomic.Int64
	cfg, stop := startNodeAt(t, app.Config{
		DatabaseURL: db.DSN(), ListenDatabaseURL: proxy.DSN(), Logger: slog.New(counter{slog.DiscardHandler, &warnings}),
	}, func(*app.Settings) {})
	t.Cleanup(func() { stopped(t, stop) })
	received := make(chan struct{}, 1)
	conn, err := hubclient.Connect(t.Context(), cfg, "/hubs/admin", func(call hubclient.Invocation) {
		if call.Method == "SystemAlert" {
			received <- struct{}{}
		}
	})
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Invoke(t.Context(), "SubscribeToAlerts")
	require.NoError(t, err)
	publish := func() {
		_, err := pool.Exec(t.Context(), `SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}')`)
		require.NoError(t, err)
		since := time.Now()
		select {
		case <-received:
			t.Logf("received after %s", time.Since(since))
		case <-time.After(patience):
			t.Fatal("nothing was received")
		}
	}
	const (
		tick      = 20 * time.Millisecond
		listening = `{"status":"ready"}`
	)

	require.Eventually(t, func() bool { return proxy.Rejected() >= 4 }, patience, tick)
	becomes(t, cfg, http.StatusOK, "degraded: not listening")
	require.Eventually(t, func() bool { return metric(t, cfg, "herald_listener_connected") == "0" }, patience, tick)
	publish()
	require.EqualValues(t, 1, warnings.Load(), "one line, however often it fails")

	proxy.Reopen()
	becomes(t, cfg, http.StatusOK, listening)
	require.Eventually(t, func() bool { return metric(t, cfg, "herald_listener_connected") == "1" }, patience, tick)
	publish()

	proxy.Shut()
	becomes(t, cfg, http.StatusOK, "degraded: not listening")
	publish()
	require.Eventually(t, func() bool { return warnings.Load() == 2 }, patience, tick, "one line a change")
}

// A pooler accepts a LISTEN and delivers nothing: the node notices that, too.
func TestANodeThatListensThroughAPoolerSaysSo(t *testing.T) {
	t.Parallel()
	const sessions = 4
	db := pgtest.New(t)
	cfg, stop := startNodeAt(t, app.Config{DatabaseURL: pgtest.NewPooler(t, db, sessions).DSN("")},
		func(*app.Settings) {})
	t.Cleanup(func() { stopped(t, stop) })
	becomes(t, cfg, http.StatusOK, "degraded: not listening")
}
