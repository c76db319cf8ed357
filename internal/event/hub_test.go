package event_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// Rules that readers of the catalogue of hubs rely on.
func TestTheCatalogueOfHubs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	once := func(what, name string) {
		t.Helper()
		require.NotEmpty(t, name, what)
		require.False(t, seen[what+name], "%s %s is there twice", what, name)
		seen[what+name] = true
	}
	for _, hub := range event.Hubs() {
		once("path", hub.Path)
		once("title", hub.Title)
		require.Equal(t, "/hubs/"+hub.Name(), hub.Path)
		require.Equal(t, &hub, event.HubNamed(hub.Name()))
		require.NotEmpty(t, hub.Groups)
		for _, kind := range hub.Groups {
			once("kind", kind.Name)
			once("method", kind.Method)
			id := uuid.Nil
			if kind.Resource != "" {
				id = uuid.New()
				require.Len(t, hub.Groups, 1, "a resource's id says which group of %s is meant", hub.Path)
				require.NotEmpty(t, kind.ID)
			}
			require.Equal(t, hub.Admin, len(kind.Policies) == 0, "either the role opens %s or policies do", kind.Name)
			require.Equal(t, hub.Admin, kind.Resource == "", kind.Name)
			for _, policy := range kind.Policies {
				once("policy", policy.Name)
				require.NotEmpty(t, policy.Permissions, policy.Name)
				for _, permission := range policy.Permissions {
					once("permission", permission)
				}
			}
			g, err := event.ParseGroup(kind.Group(id).String())
			require.NoError(t, err)
			require.Equal(t, kind.Group(id), g)
			of, same := g.Row()
			require.Equal(t, &hub, of)
			require.Equal(t, &kind, same)
		}
	}
	for _, none := range []string{"", "/hubs/", "/hubs/admin/", "/hubs/Admin", "admin", "/hubs/kitchen"} {
		require.Nil(t, event.HubAt(none), none)
	}
}
