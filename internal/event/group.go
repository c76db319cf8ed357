package event

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unique"

	"github.com/google/uuid"
)

// Group is a SignalR group: the followers of one resource, or one of the admin hub's groups. It is comparable, so it
// can be the key of a map, and takes 24 bytes. The zero Group is none.
//
// [Group.String] is its name to clients, in the database and in logs: "order:{uuid}" with the UUID in lower-case
// canonical form, or "alerts".
type Group struct {
	kind unique.Handle[kind]
	id   uuid.UUID
}

// kind is a [Group]'s link to its row in the catalogue of hubs.
type kind struct {
	name  string // up to the colon; the whole name of a group without a resource or of an unknown one
	shape shape
}

// shape says what a group's name consists of.
type shape int

const (
	unknownShape shape = iota // this release does not know the group
	ofHub                     // the kind's name alone
	ofResource                // the kind's name, a colon, and the resource's id
)

//nolint:gochecknoglobals // constants, of the catalogue of hubs
var (
	kinds      = handles(hubs)
	places     = placesOf(hubs)
	order      = kinds["order"]
	restaurant = kinds["restaurant"]
	teamCart   = kinds["teamcart"]
)

// The admin hub's groups.
//
//nolint:gochecknoglobals // constants
var (
	Admins       = Group{kind: kinds["admins"]}
	UserActivity = Group{kind: kinds["user-activity"]}
	Analytics    = Group{kind: kinds["analytics"]}
	Alerts       = Group{kind: kinds["alerts"]}
)

// place is a kind's position in the catalogue of hubs.
type place struct {
	hub  *Hub
	kind *GroupKind
}

func placesOf(hubs []Hub) map[string]place {
	all := map[string]place{}
	for i := range hubs {
		for j := range hubs[i].Groups {
			all[hubs[i].Groups[j].Name] = place{&hubs[i], &hubs[i].Groups[j]}
		}
	}
	return all
}

func handles(hubs []Hub) map[string]unique.Handle[kind] {
	all := map[string]unique.Handle[kind]{}
	for name, r := range placesOf(hubs) {
		k := kind{name, ofHub}
		if r.kind.Resource != "" {
			k.shape = ofResource
		}
		all[name] = unique.Make(k)
	}
	return all
}

// OrderGroup is the group of one order's followers.
func OrderGroup(id uuid.UUID) Group { return Group{order, id} }

// RestaurantGroup is the group of those who follow all orders of one restaurant.
func RestaurantGroup(id uuid.UUID) Group { return Group{restaurant, id} }

// TeamCartGroup is the group of one team cart's members.
func TeamCartGroup(id uuid.UUID) Group { return Group{teamCart, id} }

// ParseGroup reads a group's name as String writes it. A name that this release does not know may be one of a newer
// release: it comes back with an error and as a Group of that name, so that a reader of the log can skip and report
// it.
func ParseGroup(name string) (Group, error) {
	prefix, text, hasID := strings.Cut(name, ":")
	if k, known := kinds[prefix]; known && hasID == (k.Value().shape == ofResource) {
		if !hasID {
			return Group{kind: k}, nil
		}
		if id, ok := ParseID(text); ok && isLower(text, id) {
			return Group{k, id}, nil
		}
	}
	err := fmt.Errorf("%.80q is not a group", name)
	if name == "" {
		return Group{}, err
	}
	return Group{kind: unique.Make(kind{name, unknownShape})}, err
}

// isLower says whether text is id as [uuid.UUID.String] writes it.
func isLower(text string, id uuid.UUID) bool {
	var canonical [idLength]byte
	return text == string(appendUUID(canonical[:0], id))
}

const idLength = 36 // of a UUID in its canonical form

// ParseID reads a UUID in its canonical form of 36 characters, in either case. [uuid.Parse] would also take braces
// and URNs. It allocates nothing.
func ParseID[T string | []byte](text T) (id uuid.UUID, ok bool) {
	if len(text) != idLength || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return uuid.Nil, false
	}
	var digits [32]byte
	n := copy(digits[:], text[:8])
	for at := 9; at < 24; at += 5 {
		n += copy(digits[n:], text[at:at+4])
	}
	copy(digits[n:], text[24:])
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		return uuid.Nil, false
	}
	return id, true
}

// Row returns the hub that has the group, and the group's kind there, which are the catalogue's own rows. They are nil
// for the zero Group and for a group that this release does not know.
func (g Group) Row() (hub *Hub, kind *GroupKind) {
	r := places[g.Kind()]
	return r.hub, r.kind
}

// Kind is the group's name up to the colon: "order", "restaurant", "teamcart", "admins", …; "" for a group that this
// release does not know.
func (g Group) Kind() string {
	if g.IsZero() || g.kind.Value().shape == unknownShape {
		return ""
	}
	return g.kind.Value().name
}

// ID is the id of the group's resource, or [uuid.Nil] for the admin hub's groups.
func (g Group) ID() uuid.UUID { return g.id }

// IsZero says whether g is the zero Group.
func (g Group) IsZero() bool { return g == Group{} }

// String is the group's name, "" for the zero Group.
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
