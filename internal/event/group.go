package event

import (
	"strings"

	"github.com/google/uuid"
)

// Group is the name of a SignalR group: "order:{uuid}", "restaurant:{uuid}", "teamcart:{uuid}", or one of the admin hub's.
// UUIDs are in lower-case canonical form, so two spellings of one id are one group.
type Group string

// The admin hub's groups.
const (
	Admins       Group = "admins"
	UserActivity Group = "user-activity"
	Analytics    Group = "analytics"
	Alerts       Group = "alerts"
)

// OrderGroup is the group of those who follow one order.
func OrderGroup(id uuid.UUID) Group { return Group("order:" + id.String()) }

// RestaurantGroup is the group of those who follow all orders of one restaurant.
func RestaurantGroup(id uuid.UUID) Group { return Group("restaurant:" + id.String()) }

// TeamCartGroup is the group of one team cart's members.
func TeamCartGroup(id uuid.UUID) Group { return Group("teamcart:" + id.String()) }

// Kind is the group's name up to the colon: "order", "restaurant", "teamcart", "admins", ….
func (g Group) Kind() string {
	kind, _, _ := strings.Cut(string(g), ":")
	return kind
}

// Valid says whether there can be a group of that name: one of the admin hub's, or a kind with a UUID.
func (g Group) Valid() bool {
	if g == Admins || g == UserActivity || g == Analytics || g == Alerts {
		return true
	}
	kind, name, _ := strings.Cut(string(g), ":")
	id, err := uuid.Parse(name)
	if err != nil || id.String() != name {
		return false
	}
	return kind == "order" || kind == "restaurant" || kind == "teamcart"
}
