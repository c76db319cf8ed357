package policy

import (
	"strings"

	"github.com/yummyzoom/herald/internal/event"
)

// Opens returns the group that a token's permission opens; ok is false for one that opens nothing, because Herald does not
// know it or because its id is malformed.
func Opens(permission string) (group event.Group, ok bool) {
	_, value, _ := strings.Cut(permission, ":")
	id, wellFormed := parseID(value)
	if !wellFormed {
		return event.Group{}, false
	}
	for _, g := range []event.Group{event.OrderGroup(id), event.RestaurantGroup(id), event.TeamCartGroup(id)} {
		if rule, known := ruleFor(g.Kind()); known && rule.grants(permission, id) {
			return g, true
		}
	}
	return event.Group{}, false
}
