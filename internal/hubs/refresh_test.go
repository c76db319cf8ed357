package hubs_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubs"
	"github.com/yummyzoom/herald/internal/policy"
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
			Subject: "u", Permissions: []string{h.group(id).String(), h.group(other).String()}, TTL: 3 * time.Hour,
		}))))
		require.Len(t, result, 1)
		expires, err := time.Parse(time.RFC3339, result["expiresAt"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(3*time.Hour), expires, 5*time.Minute)
		c.must("SubscribeTo"+h.name, other)
		require.Equal(t, 1, s.b.Members(h.group(id)))

		c.must("RefreshToken", s.token(auth.Grant{Subject: "u", Permissions: []string{h.group(other).String()}}))
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
			"", nil, "nonsense", s.token(auth.Grant{Subject: "somebody else", Permissions: []string{h.group(id).String()}}),
			s.token(auth.Grant{Subject: "u", TTL: -time.Hour}),
		} {
			c.refused("Unauthorized", "RefreshToken", token)
		}
		require.Equal(t, 1, s.b.Members(h.group(id)))
		c.must("SubscribeTo"+h.name, id)
	})
}

// A check that fails with an error removes no connection from a group without a word: the connection is closed, and
// the client comes back and resumes.
//
// Acceptance: A-278.
func TestRefreshTokenWhenNobodyCanBeAsked(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{policy.ErrUndecided, policy.ErrUnauthorized, errors.New("anything else")} {
		each(t, func(t *testing.T, s *server, h resourceHub, id uuid.UUID, c *client) {
			t.Helper()
			c.must("SubscribeTo"+h.name, id)
			s.guard.set(failure, nil)
			require.Contains(t, c.must("RefreshToken", s.token(auth.Grant{Subject: "u"})), "expiresAt")
			require.JSONEq(t, `{"type":7,"error":"permissions could not be checked","allowReconnect":true}`, c.receive())
		})
	}
}

// A client whose new token lacks a role or a permission leaves the groups that it opened and stays in the others. It
// receives nothing more from the groups that it left.
func TestRefreshTokenLeavesWhatIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, h resourceHub, id uuid.UUID, c *client) {
		t.Helper()
		kept := uuid.New()
		both := []string{h.group(id).String(), h.group(kept).String()}
		c.must("RefreshToken", s.token(auth.Grant{Subject: "u", Permissions: both}))
		c.must("Resume"+h.name, h.resuming(id, nil)...)
		c.must("Resume"+h.name, h.resuming(kept, nil)...)
		c.must("RefreshToken", s.token(auth.Grant{Subject: "u", Permissions: both[1:]}))
		s.publish(h.group(id), h.event)
		s.publish(h.group(kept), h.event)
		s.publish(h.group(kept), h.event)
		for sequence := range int64(2) {
			require.Equal(t, sequence+1, c.sequence())
		}
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
