package app_test

import (
	"cmp"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/settings"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const secret = "a development secret of more than 32 bytes"

// node starts a node on db and returns the configuration of a client of it that is an administrator with the given
// permissions. It is shut down when the test ends.
func node(t *testing.T, db *pgtest.Database, permissions ...string) hubclient.Config {
	t.Helper()
	cfg, stop := startNode(t, db, func(*app.Settings) {}, permissions...)
	t.Cleanup(func() { stopped(t, stop) })
	return cfg
}

// startNode is node for a test that shuts it down itself, by stop; the channel delivers the result of Run.
func startNode(
	t *testing.T, db *pgtest.Database, configure func(*app.Settings), permissions ...string,
) (_ hubclient.Config, stop func() <-chan error) {
	t.Helper()
	return startNodeAt(t, app.Config{DatabaseURL: db.DSN()}, configure, permissions...)
}

// stopped shuts down a node that startNode has started.
func stopped(t *testing.T, stop func() <-chan error) {
	t.Helper()
	require.NoError(t, within(t, stop(), "the end of the node"))
}

// startNodeAt is startNode for a node that reaches its database in another way.
func startNodeAt(
	t *testing.T, at app.Config, configure func(*app.Settings), permissions ...string,
) (_ hubclient.Config, stop func() <-chan error) {
	t.Helper()
	at.Auth, at.Server = believing(), nodeSettings(configure)
	at.Logger = cmp.Or(at.Logger, slog.New(slog.DiscardHandler))
	a, err := app.New(t.Context(), at)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(cancel)
	within(t, a.Serving(), "the node to serve")
	token, err := auth.Mint(secret,
		auth.Grant{Subject: "tester", Roles: []string{"Admin"}, Permissions: permissions, TTL: time.Hour})
	require.NoError(t, err)
	return hubclient.Config{
		URL:     "http://" + a.Addr().String(),
		Token:   func(context.Context) (string, error) { return token, nil },
		Backoff: []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond},
		Logger:  slog.New(slog.DiscardHandler),
	}, func() <-chan error { cancel(); return ended }
}

// within receives from ch, or fails the test after [patience].
func within[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "waited in vain for "+what)
		panic("unreachable")
	}
}

// nodeSettings are the settings of the nodes of these tests, as changed by configure.
func nodeSettings(configure func(*app.Settings)) app.Settings {
	s := settings.Defaults[app.Settings]()
	s.Listen, s.FeatureTeamcart, s.AuthorizeCache, s.ReplayLimit, s.RingBytes =
		"127.0.0.1:0", true, time.Minute, 100_000, 1<<20
	s.ShutdownSpread, s.AuditLog, s.StatsInterval = 0, false, 0
	// All clients share one address.
	s.MaxConnections, s.MaxConnectionsPerUser, s.MaxConnectionsPerAddress,
		s.MaxUnauthenticated, s.MaxUnauthenticatedPerAddress = 0, 0, 0, 0, 0
	s.NegotiationRate, s.InvocationRate, s.UserInvocationRate, s.MessageRate, s.APIRate, s.MaxForwarded = 0, 0, 0, 0, 0, 0
	configure(&s)
	return s
}

// believing are the settings of a verifier of tokens signed with the tests' secret.
func believing() auth.Settings {
	s := settings.Defaults[auth.Settings]()
	s.JWTSecret = secret
	return s
}
