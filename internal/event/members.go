package event

import (
	"slices"
	"strings"
)

// Kind is what a member of an event's object holds, for protocols that write other forms than JSON.
type Kind int

const (
	// Value is text, an id, an object, or null, as its JSON says.
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

// orderMembers are the members of OrderStatusBroadcastDto, followed by sequence.
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

// cursorMembers are the members of a team cart event's trailing argument, its only object.
var cursorMembers = []Member{ //nolint:gochecknoglobals // a constant table
	{"eventId", Value},
	{"sequence", Numeric},
	{"occurredOnUtc", Instant},
}

// Members lists Herald's own members of the object in invocations of t, in their order there; of a type with several
// forms it lists the members of all. The payload's further members follow them.
func (t Type) Members() []Member { return slices.Clone(t.row().members) }

// ownMembers computes the type's Members.
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

// form is the form in which protocols write a field of this kind.
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
