package hostile_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/settings"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const (
	secret   = "a development secret of more than 32 bytes"
	patience = 2 * time.Minute // for things that come at once, unless the machine is busy
)

// producer returns the session of a login that is a member of herald_producer and owns the schema svc, in which it
// may create anything. Login and schema are dropped when the test ends.
func producer(t *testing.T, db *pgtest.Database) *pgx.Conn {
	t.Helper()
	return login(t, db, "svc", "herald_producer")
}

// login returns the session of a new login with the given roles, which owns the given schema.
func login(t *testing.T, db *pgtest.Database, schema string, roles ...string) *pgx.Conn {
	t.Helper()
	owner := db.Conn(t)
	name := "login_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	exec(t, owner, "CREATE ROLE "+name+" LOGIN PASSWORD 'secret'")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		conn, err := pgx.Connect(ctx, db.DSN())
		require.NoError(t, err)
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "DROP OWNED BY "+name+" CASCADE; DROP ROLE "+name)
		require.NoError(t, err)
	})
	exec(t, owner, "CREATE SCHEMA "+schema+" AUTHORIZATION "+name)
	for _, role := range roles {
		exec(t, owner, "GRANT "+role+" TO "+name)
	}
	cfg, err := pgx.ParseConfig(db.DSN())
	require.NoError(t, err)
	cfg.User, cfg.Password = name, "secret"
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

// node starts a node on db with the defaults, as changed by configure (nil: unchanged), and returns the
// configuration of a client of it. It is shut down when the test ends.
func node(t *testing.T, db *pgtest.Database, configure func(*app.Config)) hubclient.Config {
	t.Helper()
	cfg := app.Config{
		DatabaseURL: db.DSN(),
		Auth:        believing(),
		Server:      defaults(),
		Logger:      slog.New(slog.DiscardHandler),
	}
	cfg.Server.Listen, cfg.Server.FeatureTeamcart = "127.0.0.1:0", true
	if configure != nil {
		configure(&cfg)
	}
	a, err := app.New(t.Context(), cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	select {
	case <-a.Serving():
	case err := <-ended:
		require.NoError(t, err)
		require.FailNow(t, "the node has ended")
	case <-time.After(patience):
		require.FailNow(t, "the node does not serve")
	}
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(patience):
			require.FailNow(t, "the node does not end")
		}
	})
	return hubclient.Config{
		URL:     "http://" + a.Addr().String(),
		Token:   func(context.Context) (string, error) { return token(t, "tester"), nil },
		Backoff: []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond},
		Logger:  slog.New(slog.DiscardHandler),
	}
}

// token is an administrator's token with the given permissions.
func token(t *testing.T, subject string, permissions ...string) string {
	t.Helper()
	minted, err := auth.Mint(secret,
		auth.Grant{Subject: subject, Roles: []string{"Admin"}, Permissions: permissions, TTL: time.Hour})
	require.NoError(t, err)
	return minted
}

// defaults returns the settings of a server without configuration.
func defaults() app.Settings {
	return settings.Defaults[app.Settings]()
}

// believing are the settings of a verifier of tokens signed with the tests' secret.
func believing() auth.Settings {
	s := settings.Defaults[auth.Settings]()
	s.JWTSecret = secret
	return s
}
