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
	"github.com/yummyzoom/herald/internal/config"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const secret = "a development secret of more than 32 bytes"

// node starts a node on db and returns the configuration of a client of it that is an administrator with the given permissions.
// It is shut down when the test ends.
func node(t *testing.T, db *pgtest.Database, permissions ...string) hubclient.Config {
	t.Helper()
	cfg, stop := startNode(t, db, func(*config.Server) {}, permissions...)
	t.Cleanup(func() { stopped(t, stop) })
	return cfg
}

// startNode is node for a test that shuts it down itself, by stop; what Run returns comes out of the channel.
func startNode(t *testing.T, db *pgtest.Database, configure func(*config.Server), permissions ...string) (_ hubclient.Config, stop func() <-chan error) {
	t.Helper()
	return startNodeAt(t, app.Config{DatabaseURL: db.DSN()}, configure, permissions...)
}

// stopped shuts down a node that startNode has started.
func stopped(t *testing.T, stop func() <-chan error) {
	t.Helper()
	require.NoError(t, within(t, stop(), "the end of the node"))
}

// startNodeAt is startNode for a node that reaches its database in another way.
func startNodeAt(t *testing.T, at app.Config, configure func(*config.Server), permissions ...string) (_ hubclient.Config, stop func() <-chan error) {
	t.Helper()
	at.Auth, at.Server = config.Auth{JWTSecret: secret, AdminRole: "Admin"}, settings(configure)
	at.Logger = cmp.Or(at.Logger, slog.New(slog.DiscardHandler))
	a, err := app.New(t.Context(), at)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(cancel)
	within(t, a.Serving(), "the node to serve")
	token, err := auth.Mint(secret, auth.Grant{Subject: "tester", Roles: []string{"Admin"}, Permissions: permissions, TTL: time.Hour})
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

// settings are a node's of these tests, but for what configure changes.
func settings(configure func(*config.Server)) config.Server {
	server := config.Server{
		Listen: "127.0.0.1:0", FeatureTeamcart: true, AuthorizeFunction: "herald.can_subscribe", AuthorizeCache: time.Minute, ReplayLimit: 100_000,
		RingBytes: 1 << 20, QueueBytes: 1 << 20, MessageBytes: 32 << 10, KeepAlive: 15 * time.Second,
		ClientTimeout: 30 * time.Second, HandshakeTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		ShutdownTimeout: 15 * time.Second, MessagePackNames: config.MessagePackDotNet, Retention: 168 * time.Hour, GroupRetention: 2160 * time.Hour,
	}
	configure(&server)
	server.MaxStreams, server.DisconnectTimeout, server.ReconnectBytes = 100, 15*time.Second, 1<<20
	server.PollTimeout, server.MaxGroups = cmp.Or(server.PollTimeout, 90*time.Second), cmp.Or(server.MaxGroups, 1000)
	return server
}
