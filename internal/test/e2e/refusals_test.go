package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func failed(method, why string) string {
	return "An unexpected error occurred invoking '" + method + "' on the server. HubException: " + why
}

// Acceptance.
func TestRefusalsAreWhatADotNetHubSays(t *testing.T) {
	t.Parallel()
	s, d := serve(t, pgtest.New(t).DSN()), drive(t)
	for hub, name := range map[string]string{customerHub: "Order", restaurantHub: "Restaurant", teamCartHub: "Cart"} {
		c := d.connect(t, s.url+hub, user(t, "alice"))
		for _, method := range []string{"SubscribeTo" + name, strings.ToLower("SubscribeTo" + name)} {
			require.Equal(t, failed(method, "Forbidden"), c.refused(t, method, uuid.New()), "an id that nobody knows")
			unknown := uuid.New()
			require.Equal(t, failed(method, "Forbidden"), c.refused(t, method, strings.ToUpper(unknown.String())))
		}
		for _, last := range []any{nil, uuid.New(), uuid.Nil} {
			require.Equal(t, failed("Resume"+name, "Forbidden"), c.refused(t, "Resume"+name, uuid.New(), last))
		}
		require.Equal(t, failed("RefreshToken", "Unauthorized"), c.refused(t, "RefreshToken", "nonsense"))

		// Arguments that do not bind, and methods that do not exist.
		for method, arguments := range map[string][][]any{
			"SubscribeTo" + name: {
				{}, {uuid.New(), 1}, {"nonsense"}, {nil}, {17}, {strings.ReplaceAll(uuid.NewString(), "-", "")},
			},
			"UnsubscribeFrom" + name: {{}, {"nonsense"}},
			"Resume" + name:          {{uuid.New()}, {uuid.New(), "nonsense"}, {"nonsense", nil}, {uuid.New(), nil, nil, nil}},
			"RefreshToken":           {{}, {1, 2}},
		} {
			for _, args := range arguments {
				require.Equal(t, unbound(method), c.refused(t, method, args...), "%v", args)
			}
		}
		for _, method := range []string{"NoSuchMethod", "OnConnectedAsync", "OnDisconnectedAsync", "Dispose", ""} {
			require.Equal(t, unbound(method)+" HubException: Method does not exist.", c.refused(t, method))
		}
		// Another hub's methods do not exist on this one.
		require.Equal(
			t, unbound("GetPlatformStats")+" HubException: Method does not exist.", c.refused(t, "GetPlatformStats"),
		)
		require.Equal(t, "null", c.call(t, "UnsubscribeFrom"+name, uuid.New()), "the connection lives on")
		all, _ := c.all()
		require.Empty(t, all, "and was told nothing else")
	}
}

// Acceptance.
func TestAdminHubTellsOfRefusalsTwice(t *testing.T) {
	t.Parallel()
	s, d := serve(t, pgtest.New(t).DSN()), drive(t)
	c := d.connect(t, s.url+adminHub, admin(t))
	c.next(t)
	require.Equal(
		t, failed("RefreshToken", "Unauthorized"), c.refused(t, "RefreshToken", user(t, "root")),
		"no longer an administrator",
	)
	tellsOf := func(text string) {
		t.Helper()
		told := c.next(t)
		require.Equal(t, "ErrorOccurred", told.Event)
		fields := object(t, string(told.Args[0]))
		requireNow(t, fields)
		require.Equal(t, map[string]any{"type": "error", "message": text}, fields)
	}
	tellsOf(failed("RefreshToken", "Unauthorized"))
	require.Equal(t, unbound("SendTestMessage"), c.refused(t, "SendTestMessage"))
	tellsOf(unbound("SendTestMessage"))
	require.Equal(t, unbound("ResumeAlerts"), c.refused(t, "ResumeAlerts"))
	tellsOf(unbound("ResumeAlerts"))
	unknown := unbound("SubscribeToOrder") + " HubException: Method does not exist."
	require.Equal(t, unknown, c.refused(t, "SubscribeToOrder", uuid.New()))
	tellsOf(unknown)
	c.call(t, "GetConnectionCount")
}

// Acceptance.
func TestNegotiationIsRefusedWithoutAToken(t *testing.T) {
	t.Parallel()
	s, d := serve(t, pgtest.New(t).DSN()), drive(t)
	for _, hub := range []string{customerHub, restaurantHub, teamCartHub, adminHub} {
		for _, token := range []string{"", "nonsense"} {
			for _, path := range []string{"/negotiate?negotiateVersion=1", "/negotiate", "?id=nobody", ""} {
				method := http.MethodPost
				if !strings.HasPrefix(path, "/negotiate") {
					method = http.MethodGet
				}
				status, answer := request(t, method, s.url+hub+path, token, "")
				require.Equal(t, http.StatusUnauthorized, status, "%s %s", hub, path)
				require.Equal(t, challenge(token), answer.header.Get("WWW-Authenticate"))
			}
		}
		_, failure := d.open(t, s.url+hub, options{Tokens: []string{"nonsense"}})
		require.Contains(t, failure.Error, "401")
	}
	for _, roles := range [][]string{nil, {"admin"}, {"Moderator", "Administrator"}} {
		token := mint(t, auth.Grant{Subject: "mallory", Roles: roles})
		status, answer := request(t, http.MethodPost, s.url+adminHub+"/negotiate?negotiateVersion=1", token, "")
		require.Equal(t, http.StatusForbidden, status)
		require.Empty(t, answer.header.Get("WWW-Authenticate"))
		_, failure := d.open(t, s.url+adminHub, options{Tokens: []string{token}})
		require.Contains(t, failure.Error, "403")
	}
}

// Acceptance: A-197.
func TestAdminRoleIsConfigurable(t *testing.T) {
	t.Parallel()
	s, d := serve(t, pgtest.New(t).DSN(), "HERALD_ADMIN_ROLE=Operator"), drive(t)
	operator := mint(t, auth.Grant{Subject: "root", Roles: []string{"Operator"}})
	c := d.connect(t, s.url+adminHub, operator)
	c.call(t, "SubscribeToAlerts")
	status, _ := request(t, http.MethodGet, s.url+"/api/admin/realtime/status", operator, "")
	require.Equal(t, http.StatusOK, status)
	_, failure := d.open(t, s.url+adminHub, options{Tokens: []string{admin(t)}})
	require.Contains(t, failure.Error, "403")
}

func unbound(method string) string {
	return "Failed to invoke '" + method + "' due to an error on the server."
}

// challenge is the WWW-Authenticate of a 401: it asks for a token, or for another one if one was sent (RFC 6750 §3).
func challenge(sent string) string {
	if sent == "" {
		return "Bearer"
	}
	return `Bearer error="invalid_token"`
}
