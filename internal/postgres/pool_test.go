package postgres

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

func openPool(t *testing.T, dsn string, options Options) *pgxpool.Pool {
	t.Helper()
	pool, err := Open(t.Context(), dsn, options)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func TestOpenSetsTheSession(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	for _, dsn := range []string{c.DSN(), c.SocketDSN()} {
		pool := openPool(t, dsn, Options{IdleInTransactionTimeout: 30 * time.Second})
		require.GreaterOrEqual(t, pool.Config().MaxConns, int32(connectionsLeast))
		for setting, want := range map[string]string{
			"application_name": "herald", "idle_in_transaction_session_timeout": "30s",
		} {
			var got string
			require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&got))
			require.Equal(t, want, got, setting)
		}
	}
}

func TestOpenKeepsWhatTheConnectionStringSays(t *testing.T) {
	t.Parallel()
	config, err := Options{}.withDefaults().config(
		"postgres://u@h/d?application_name=mine&pool_max_conns=3&connect_timeout=9")
	require.NoError(t, err)
	require.Equal(t, "mine", config.ConnConfig.RuntimeParams["application_name"])
	require.EqualValues(t, 3, config.MaxConns)
	require.Equal(t, 9*time.Second, config.ConnConfig.ConnectTimeout)

	config, err = Options{MaxConns: 7, ApplicationName: "ours", ConnectTimeout: time.Second}.withDefaults().
		config("postgres://u@h/d?application_name=mine&pool_max_conns=3&connect_timeout=9")
	require.NoError(t, err)
	require.Equal(t, "ours", config.ConnConfig.RuntimeParams["application_name"])
	require.EqualValues(t, 7, config.MaxConns)
	require.Equal(t, time.Second, config.ConnConfig.ConnectTimeout)
}

// notify calls f for every log line that contains text.
type notify struct {
	slog.Handler
	text string
	f    func()
}

func (n notify) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, n.text) {
		n.f()
	}
	return n.Handler.Handle(ctx, r)
}

func TestOpenWaitsForADatabaseThatIsDown(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	dsn := c.DSN()
	require.NoError(t, c.Stop(t.Context()))

	var log bytes.Buffer
	waiting := make(chan struct{}, 100)
	logger := slog.New(notify{
		slog.NewTextHandler(&log, nil), "waiting for the database",
		func() { waiting <- struct{}{} },
	})
	opened := make(chan error, 1)
	go func() {
		pool, err := Open(t.Context(), dsn, Options{Logger: logger})
		if err == nil {
			pool.Close()
		}
		opened <- err
	}()
	<-waiting
	require.NoError(t, c.Restart(t.Context()))
	require.NoError(t, <-opened)
	require.Contains(t, log.String(), Address(dsn))
	require.NotContains(t, log.String(), c.password)
}

func TestOpenGivesUpInTime(t *testing.T) {
	t.Parallel()
	nobody, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	dsn := "postgres://u:sesame@" + nobody.Addr().String() + "/d"
	require.NoError(t, nobody.Close())

	for _, wait := range []time.Duration{-1, 300 * time.Millisecond} {
		_, err = Open(t.Context(), dsn, Options{Wait: wait, Logger: discard()})
		require.ErrorContains(t, err, nobody.Addr().String())
		require.NotContains(t, err.Error(), "sesame")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = Open(ctx, dsn, Options{Logger: discard()})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestOpenDoesNotWaitWhereWaitingCannotHelp(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	for want, dsn := range map[string]string{
		"password authentication failed": strings.Replace(c.DSN(), c.password, "sesame", 1),
		"does not exist":                 c.DatabaseDSN("no_such_database"),
		"cannot be read":                 "postgres://u:sesame@host:port/d",
	} {
		logger := slog.New(notify{slog.DiscardHandler, "waiting", func() { t.Error("waited") }})
		_, err := Open(t.Context(), dsn, Options{Logger: logger})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "sesame")
		require.NotContains(t, err.Error(), c.password)
	}
}

func TestOpenKeepsSecretsOutOfErrors(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://u:sesame%zz@host/d", "postgres://u:sesame@host:99999999/d", "host=h password=sesame port=x",
		"host=h password='sesame", "sesame", "postgres://u:ses ame@[::1/d",
		"postgres://u@h/d?sslmode=sesame&password=sesame",
	} {
		_, err := Open(t.Context(), dsn, Options{Wait: -1, Logger: discard()})
		require.ErrorContains(t, err, "HERALD_DATABASE_URL cannot be read", dsn)
		require.NotContains(t, err.Error(), "ses", dsn)
		require.NotContains(t, Address(dsn), "ses", dsn)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	require.Equal(t, "db.example:5433/shop", Address("postgres://u:p@db.example:5433/shop?sslmode=disable"))
	require.Equal(t, "[::1]:5432/shop", Address("postgres://u:p@[::1]/shop"))
	require.Equal(t, "/run/pg:5432/shop", Address("host=/run/pg dbname=shop user=u"))
}

func TestSharesText(t *testing.T) {
	t.Parallel()
	require.True(t, sharesText(`invalid value "sesame"`, "host=h password='sesame'"))
	require.True(t, sharesText(`parse "u:sesame@h": invalid`, "postgres://u:sesame@h/d"))
	require.False(t, sharesText("invalid port", "postgres://u:sesame@h:x/d"))
}
