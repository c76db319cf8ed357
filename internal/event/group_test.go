package event_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

func TestGroupsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479")
	for name, want := range map[string]struct {
		group event.Group
		kind  string
		id    uuid.UUID
	}{
		"order:" + id.String():       {event.OrderGroup(id), "order", id},
		"order:" + uuid.Nil.String(): {event.OrderGroup(uuid.Nil), "order", uuid.Nil},
		"restaurant:" + id.String():  {event.RestaurantGroup(id), "restaurant", id},
		"teamcart:" + id.String():    {event.TeamCartGroup(id), "teamcart", id},
		event.Admins.String():        {event.Admins, "admins", uuid.Nil},
		event.UserActivity.String():  {event.UserActivity, "user-activity", uuid.Nil},
		"analytics":                  {event.Analytics, "analytics", uuid.Nil},
		"alerts":                     {event.Alerts, "alerts", uuid.Nil},
	} {
		g, err := event.ParseGroup(name)
		require.NoError(t, err, name)
		require.Equal(t, want.group, g, name)
		require.Equal(t, name, map[event.Group]string{want.group: name}[g], "a group is a key")
		require.Equal(t, name, g.String())
		require.Equal(t, want.kind, g.Kind(), name)
		require.Equal(t, want.id, g.ID(), name)
		written, err := json.Marshal(map[string]event.Group{"group": g})
		require.NoError(t, err)
		require.JSONEq(t, `{"group": "`+name+`"}`, string(written))
	}
}

// A newer release may know these names. A group of such a name in the log keeps its name, and no policy opens it.
func TestAGroupOfAnotherReleaseKeepsItsName(t *testing.T) {
	t.Parallel()
	id := "f47ac10b-58cc-4372-a567-0e02b2c3d479"
	seen := map[event.Group]bool{}
	names := []string{
		"", "order", "order:", "order:1", "order:" + strings.ToUpper(id), "order:{" + id + "}", "order:urn:uuid:" + id,
		"order:" + strings.ReplaceAll(id, "-", ""), "Order:" + id, "kitchen:" + id, ":" + id, "admins:" + id, "admins:",
		"Alerts", "order: " + id,
	}
	for _, name := range names {
		g, err := event.ParseGroup(name)
		require.ErrorContains(t, err, "is not a group", name)
		require.Equal(t, name, g.String())
		require.Empty(t, g.Kind(), name)
		require.Equal(t, name == "", g.IsZero(), name)
		again, _ := event.ParseGroup(name)
		seen[g], seen[again] = true, true
	}
	require.Len(t, seen, len(names))
}
