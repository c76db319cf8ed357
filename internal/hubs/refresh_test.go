package hubs_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubs"
)

// Acceptance.
func TestRefreshTokenReplacesTheClaims(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, h resourceHub, id uuid.UUID, c *client) {
		t.Helper()
		other := uuid.New()
		c.refused("Forbidden", "SubscribeTo"+h.name, other)
		c.must("SubscribeTo"+h.name, id)
		result := object(t, json.RawMessage(c.must("RefreshToken", s.token(auth.Grant{
			Subject: "u", Permissions: []string{string(h.group(id)), string(h.group(other))}, TTL: 3 * time.Hour,
		}))))
		require.Len(t, result, 1)
		expires, err := time.Parse(time.RFC3339, result["expiresAt"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(3*time.Hour), expires, 5*time.Minute)
		c.must("SubscribeTo"+h.name, other)
		require.Equal(t, 1, s.b.Members(h.group(id)))

		c.must("RefreshToken", s.token(auth.Grant{Subject: "u", Permissions: []string{string(h.group(other))}}))
		require.Zero(t, s.b.Members(h.group(id)), "the new token does not open it")
		require.Equal(t, 1, s.b.Members(h.group(other)))
		c.refused("Forbidden", "SubscribeTo"+h.name, id)
	})
}

// Acceptance.
func TestRefreshTokenThatIsRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, h resourceHub, id uuid.UUID, c *client) {
		t.Helper()
		c.must("SubscribeTo"+h.name, id)
		for _, token := range []any{
			"", nil, "nonsense", s.token(auth.Grant{Subject: "somebody else", Permissions: []string{string(h.group(id))}}),
			s.token(auth.Grant{Subject: "u", TTL: -time.Hour}),
		} {
			c.refused("Unauthorized", "RefreshToken", token)
		}
		require.Equal(t, 1, s.b.Members(h.group(id)))
		c.must("SubscribeTo"+h.name, id)
	})
}

// Acceptance.
func TestRefreshTokenOnTheAdminHub(t *testing.T) {
	t.Parallel()
	s := setup(t)
	c, _ := s.connectAdmin()
	c.must("SubscribeToAlerts")
	c.refused("Unauthorized", "RefreshToken", s.token(auth.Grant{Subject: "boss"}))
	require.Equal(t, "ErrorOccurred", c.next().Target)
	c.must("SubscribeToAnalytics")
	grant := admin()
	grant.TTL = 3 * time.Hour
	result := object(t, json.RawMessage(c.must("RefreshToken", s.token(grant))))
	require.Len(t, result, 1)
	expires, err := time.Parse(time.RFC3339, result["expiresAt"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(3*time.Hour), expires, 5*time.Minute)
	for _, g := range []event.Group{event.Admins, event.Alerts, event.Analytics} {
		require.Equal(t, 1, s.b.Members(g))
	}
}

func TestHubsNeedWhatTheyStandOn(t *testing.T) {
	t.Parallel()
	_, err := hubs.New(hubs.Config{})
	require.ErrorContains(t, err, "required")
}
