package event

import (
	"slices"
	"strings"
)

// Kind is what a member of an event's object holds, for those who write it in other forms than JSON.
type Kind int

const (
	// Value is text, an id, an object, or null: what its JSON says.
	Value Kind = iota
	// Instant is a time, or null: RFC 3339 in JSON.
	Instant
	// Numeric is a number.
	Numeric
)

// Member is a member of an event's object that is Herald's own.
type Member struct {
	Name string
	Kind Kind
}

// orderMembers are those of OrderStatusBroadcastDto, with sequence behind it.
var orderMembers = []Member{ //nolint:gochecknoglobals // a constant table
	{"orderId", Value},
	{"orderNumber", Value},
	{"status", Value},
	{"restaurantId", Value},
	{orderTimeNames[lastUpdate], Instant},
	{orderTimeNames[estimatedDelivery], Instant},
	{orderTimeNames[actualDelivery], Instant},
	{orderTimeNames[delivered], Instant},
	{"occurredOnUtc", Instant},
	{"eventId", Value},
	{"sequence", Numeric},
}

// cursorMembers are those of a team cart event's trailing argument, its only object.
var cursorMembers = []Member{ //nolint:gochecknoglobals // a constant table
	{"eventId", Value},
	{"sequence", Numeric},
	{"occurredOnUtc", Instant},
}

// Members lists the members that are Herald's own of the object that invocations of t have for an argument, in the order in which they stand
// there; of a type with several forms those of all. What follows the last of them is the payload's.
func (t Type) Members() []Member { return slices.Clone(t.row().members) }

// ownMembers are the type's Members.
func (r *row) ownMembers() []Member {
	switch r.Family {
	case Order:
		return orderMembers
	case TeamCart:
		return cursorMembers
	case Admin:
		members := []Member{{"timestamp", Instant}}
		for _, f := range r.Fields {
			if !strings.Contains(f.Name, ".") {
				members = append(members, Member{f.Name, f.Kind.form()})
			}
		}
		return append(members, Member{"eventId", Value}, Member{"sequence", Numeric})
	case Control, Unknown:
	}
	return nil
}

// form is that in which protocols write a field of this kind.
func (k FieldKind) form() Kind {
	switch k {
	case KindTime:
		return Instant
	case KindCount, KindAmount, KindNumber:
		return Numeric
	case KindText, KindWord, KindOne, KindUUID, KindObject, KindShort, KindMeasure:
	}
	return Value
}
