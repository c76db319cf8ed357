package policy

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// Opens returns the group that a token's permission opens; ok is false for a permission that opens none, because
// Herald does not know it or because its id is malformed.
func Opens(permission string) (group event.Group, ok bool) {
	name, id, wellFormed := parsePermission(permission)
	if !wellFormed {
		return event.Group{}, false
	}
	for _, hub := range event.Hubs() {
		for _, kind := range hub.Groups {
			if grants(name, &kind) {
				return kind.Group(id), true
			}
		}
	}
	return event.Group{}, false
}

// permits looks for a permission among the token's that opens the kind's group of resource. A malformed permission
// grants nothing.
func permits(p *auth.Principal, kind *event.GroupKind, resource uuid.UUID) bool {
	return slices.ContainsFunc(p.Permissions, func(permission string) bool {
		name, id, ok := parsePermission(permission)
		return ok && id == resource && grants(name, kind)
	})
}

// grants says whether permissions of this name open groups of the kind.
func grants(name string, kind *event.GroupKind) bool {
	return slices.ContainsFunc(kind.Policies, func(p event.Policy) bool { return slices.Contains(p.Permissions, name) })
}

// parsePermission reads a token's permission: a name, a colon, and the id of a resource in its canonical form, in
// either case.
func parsePermission(text string) (name string, id uuid.UUID, ok bool) {
	name, value, _ := strings.Cut(text, ":")
	id, ok = event.ParseID(value)
	return name, id, ok
}
