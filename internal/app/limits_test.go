package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// limited starts a node with a limit, and shuts it down when the test ends.
func limited(t *testing.T, limit func(*app.Settings)) hubclient.Config {
	t.Helper()
	cfg, stop := startNode(t, pgtest.New(t), limit)
	t.Cleanup(func() { stopped(t, stop) })
	return cfg
}

// ask makes a request and returns its status and body.
func ask(t *testing.T, cfg hubclient.Config, method, path, forwardedFor string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, cfg.URL+path, nil)
	require.NoError(t, err)
	token, err := cfg.Token(t.Context())
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("X-Forwarded-For", forwardedFor)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// Acceptance: A-160.
func TestSettingsLimitConnections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits func(*app.Settings)
		status int
		reason string
	}{
		"per server":  {func(s *app.Settings) { s.MaxConnections = 1 }, http.StatusServiceUnavailable, "server"},
		"per user":    {func(s *app.Settings) { s.MaxConnectionsPerUser = 1 }, http.StatusTooManyRequests, "user"},
		"per address": {func(s *app.Settings) { s.MaxConnectionsPerAddress = 1 }, http.StatusTooManyRequests, "address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := limited(t, c.limits)
			one, err := hubclient.Connect(t.Context(), cfg, "/hubs/admin", nil)
			require.NoError(t, err)
			defer one.Close()
			_, err = hubclient.Connect(t.Context(), cfg, "/hubs/admin", nil)
			var refused *hubclient.StatusError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.status, refused.Code)
			require.Eventually(t, func() bool {
				_, metrics := ask(t, cfg, http.MethodGet, "/metrics", "")
				return strings.Contains(metrics, `herald_connections_refused_total{hub="admin",reason="`+c.reason+`"} 1`)
			}, patience, 10*time.Millisecond)
		})
	}
}

func TestSettingsLimitNegotiations(t *testing.T) {
	t.Parallel()
	cfg := limited(t, func(s *app.Settings) {
		s.NegotiationRate, s.NegotiationBurst, s.TrustedProxies = 1, 1, []string{"127.0.0.1"}
	})
	const path = "/hubs/admin/negotiate"
	status, _ := ask(t, cfg, http.MethodPost, path, "192.0.2.1")
	require.Equal(t, http.StatusOK, status)
	status, _ = ask(t, cfg, http.MethodPost, path, "192.0.2.2")
	require.Equal(t, http.StatusOK, status)
	require.Eventually(t, func() bool { // at once, except on a slow machine
		status, _ := ask(t, cfg, http.MethodPost, path, "192.0.2.1")
		return status == http.StatusTooManyRequests
	}, patience, patience/1000)
}

func TestSettingsLimitInvocationsAndMessages(t *testing.T) {
	t.Parallel()
	for want, limits := range map[string]func(*app.Settings){
		"The client sends more than 1 invocations per second.": func(s *app.Settings) {
			s.InvocationRate, s.InvocationBurst = 1, 1
		},
		"The client sends more than 1 messages per second.": func(s *app.Settings) {
			s.MessageRate, s.MessageBurst = 1, 1
		},
	} {
		cfg := limited(t, limits)
		c, err := hubclient.Connect(t.Context(), cfg, "/hubs/admin", nil)
		require.NoError(t, err)
		defer c.Close()
		for attempts := 0; err == nil && attempts < 1000; attempts++ {
			_, err = c.Invoke(context.WithoutCancel(t.Context()), "SubscribeToAlerts")
		}
		require.Error(t, err)
		within(t, c.Done(), "the end of the connection")
		var closed *hubclient.ServerClosedError
		require.ErrorAs(t, c.Err(), &closed)
		require.Equal(t, want, closed.Text)
		require.False(t, closed.AllowReconnect)
	}
}

func TestSettingOfPolls(t *testing.T) {
	t.Parallel()
	cfg := limited(t, func(s *app.Settings) { s.PollTimeout = time.Second })
	_, answer := ask(t, cfg, http.MethodPost, "/hubs/admin/negotiate?negotiateVersion=1", "")
	var negotiated struct{ ConnectionToken string }
	require.NoError(t, json.Unmarshal([]byte(answer), &negotiated), answer)
	path := "/hubs/admin?id=" + url.QueryEscape(negotiated.ConnectionToken)
	status, body := ask(t, cfg, http.MethodGet, path, "") // which opens the stream, and is answered at once
	require.Equal(t, http.StatusOK, status, body)
	from := time.Now()
	status, body = ask(t, cfg, http.MethodGet, path, "")
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, body)
	took := time.Since(from)
	require.Greater(t, took, time.Second/2)
	require.Less(t, took, 45*time.Second, "half of the default, on however slow a machine")
	status, _ = ask(t, cfg, http.MethodDelete, path, "")
	require.Equal(t, http.StatusAccepted, status)
}

// A connection joins a limited number of groups; on the admin hub those that it is in from the beginning count.
// Leaving a group makes room.
//
// Acceptance: A-160.
func TestSettingsLimitTheGroupsOfAConnection(t *testing.T) {
	t.Parallel()
	cfg := limited(t, func(s *app.Settings) { s.MaxGroups = 3 })
	orders := make([]uuid.UUID, 4)
	for i := range orders {
		orders[i] = uuid.New()
	}
	permissions := make([]string, len(orders))
	for i, id := range orders {
		permissions[i] = "OrderOwner:" + id.String()
	}
	cfg.Token = func(context.Context) (string, error) {
		return auth.Mint(secret,
			auth.Grant{Subject: "user-1", Roles: []string{"Admin"}, Permissions: permissions, TTL: time.Hour})
	}
	refusal := func(err error) string {
		refused, ok := errors.AsType[*hubclient.HubError](err)
		require.True(t, ok, "%v", err)
		return refused.Message
	}
	c, err := hubclient.Connect(t.Context(), cfg, event.CustomerOrdersPath, nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	invoke := func(method string, args ...any) error {
		_, err := c.Invoke(t.Context(), method, args...)
		return err
	}
	for _, id := range orders[:3] {
		require.NoError(t, invoke("SubscribeToOrder", id))
	}
	const tooMany = "An unexpected error occurred invoking '%s' on the server. HubException: Too many subscriptions on this connection"
	require.Equal(t, fmt.Sprintf(tooMany, "SubscribeToOrder"), refusal(invoke("SubscribeToOrder", orders[3])))
	require.Equal(t, fmt.Sprintf(tooMany, "ResumeOrder"), refusal(invoke("ResumeOrder", orders[3], nil)))
	require.NoError(t, invoke("SubscribeToOrder", orders[0]), "it is in that one")
	require.NoError(t, invoke("UnsubscribeFromOrder", orders[0]))
	require.NoError(t, invoke("SubscribeToOrder", orders[3]))

	c, err = hubclient.Connect(t.Context(), cfg, event.AdminPath, nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, invoke("SubscribeToAlerts"))
	require.NoError(t, invoke("SubscribeToAnalytics"))
	require.Equal(t, fmt.Sprintf(tooMany, "SubscribeToUserActivity"), refusal(invoke("SubscribeToUserActivity")))
}
