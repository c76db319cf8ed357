package event

import (
	"fmt"
	"strings"
	"unique"

	"github.com/google/uuid"
)

// Group is a SignalR group: those who follow one resource, or one of the admin hub's. It is comparable, so it can be the key of a map, and
// takes 24 bytes. The zero Group is none.
//
// [Group.String] is its name to clients, in the database and in logs: "order:{uuid}" with the UUID in lower-case canonical form, "alerts".
type Group struct {
	kind unique.Handle[kind]
	id   uuid.UUID
}

// kind is what groups have in common whose names are the same up to the colon.
type kind struct {
	name  string // up to the colon; of a group that has no resource, or is not known, all of it
	shape shape
}

// shape says what a group's name consists of.
type shape int

const (
	unknownShape shape = iota // this release does not know the group
	ofHub                     // the kind's name alone
	ofResource                // the kind's name, a colon, and the resource's id
)

//nolint:gochecknoglobals // constants
var (
	orderKind      = unique.Make(kind{"order", ofResource})
	restaurantKind = unique.Make(kind{"restaurant", ofResource})
	teamCartKind   = unique.Make(kind{"teamcart", ofResource})
	resourceKinds  = []unique.Handle[kind]{orderKind, restaurantKind, teamCartKind}
)

// The admin hub's groups.
//
//nolint:gochecknoglobals // constants
var (
	Admins       = Group{kind: unique.Make(kind{"admins", ofHub})}
	UserActivity = Group{kind: unique.Make(kind{"user-activity", ofHub})}
	Analytics    = Group{kind: unique.Make(kind{"analytics", ofHub})}
	Alerts       = Group{kind: unique.Make(kind{"alerts", ofHub})}
)

// OrderGroup is the group of those who follow one order.
func OrderGroup(id uuid.UUID) Group { return Group{orderKind, id} }

// RestaurantGroup is the group of those who follow all orders of one restaurant.
func RestaurantGroup(id uuid.UUID) Group { return Group{restaurantKind, id} }

// TeamCartGroup is the group of one team cart's members.
func TeamCartGroup(id uuid.UUID) Group { return Group{teamCartKind, id} }

// ParseGroup reads a group's name as String writes it. A name that this release does not know, which a newer one may, comes back with an
// error as a Group of that name all the same, so that what the log holds of it can be passed over and told.
func ParseGroup(name string) (Group, error) {
	if prefix, text, ok := strings.Cut(name, ":"); ok {
		id, err := uuid.Parse(text)
		for _, k := range resourceKinds {
			if k.Value().name == prefix && err == nil && isCanonical(text, id) {
				return Group{k, id}, nil
			}
		}
	}
	for _, g := range []Group{Admins, UserActivity, Analytics, Alerts} {
		if g.Kind() == name {
			return g, nil
		}
	}
	err := fmt.Errorf("%.80q is not a group", name)
	if name == "" {
		return Group{}, err
	}
	return Group{kind: unique.Make(kind{name, unknownShape})}, err
}

// isCanonical says whether text is id as [uuid.UUID.String] writes it.
func isCanonical(text string, id uuid.UUID) bool {
	var canonical [36]byte
	return text == string(appendUUID(canonical[:0], id))
}

// Kind is the group's name up to the colon: "order", "restaurant", "teamcart", "admins", …; "" where this release does not know it.
func (g Group) Kind() string {
	if g.IsZero() || g.kind.Value().shape == unknownShape {
		return ""
	}
	return g.kind.Value().name
}

// ID is the id of the resource whose group it is, or [uuid.Nil] for the admin hub's.
func (g Group) ID() uuid.UUID { return g.id }

// IsZero says whether g is none.
func (g Group) IsZero() bool { return g == Group{} }

// String is the group's name, "" for none.
func (g Group) String() string {
	if g.IsZero() {
		return ""
	}
	k := g.kind.Value()
	if k.shape != ofResource {
		return k.name
	}
	var room [64]byte
	return string(appendUUID(append(append(room[:0], k.name...), ':'), g.id))
}

// MarshalText is String, for JSON.
func (g Group) MarshalText() ([]byte, error) { return []byte(g.String()), nil }
