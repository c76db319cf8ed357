package reference_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// The examples' ids and time are those of the published documents.
var (
	exampleEvent      = uuid.MustParse("2b3f90a2-2c1c-4a64-a20f-2a2d0cdbb4f1")
	exampleOrder      = uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479")
	exampleRestaurant = uuid.MustParse("f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e")
	exampleCart       = uuid.MustParse("0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11")
	exampleTime       = time.Date(2025, 1, 20, 10, 5, 0, 0, time.UTC)
)

const (
	exampleCustomer = "550e8400-e29b-41d4-a716-446655440000"
	exampleSequence = 7
)

// variant is an event type, or one form of a type with forms.
type variant struct {
	Type event.Type
	Form string
}

// fields are the variant's own fields, without the members of objects.
func (v variant) fields() []event.Field {
	return slices.DeleteFunc(v.Type.Fields(), func(f event.Field) bool {
		return f.Form != "" && f.Form != v.Form || bytes.ContainsRune([]byte(f.Name), '.')
	})
}

// payload is an example of a producer's payload: every field, or only the required ones.
func (v variant) payload(full bool) json.RawMessage { return v.Type.Example(v.Form, full) }

// event is an example of the variant.
func (v variant) event(t *testing.T, full bool) *event.Event {
	t.Helper()
	e := &event.Event{ID: exampleEvent, Type: v.Type, Payload: v.payload(full), OccurredOn: exampleTime}
	switch v.Type.Family() {
	case event.Order:
		e.ResourceID, e.RestaurantID, e.CustomerID, e.Audience = exampleOrder, exampleRestaurant, exampleCustomer, event.Both
	case event.TeamCart:
		e.ResourceID = exampleCart
	case event.Admin, event.Control, event.Unknown:
	}
	return e
}

// groups are the groups that receive an example.
func (v variant) groups(t *testing.T) []event.Group {
	t.Helper()
	groups, err := v.event(t, true).Groups()
	require.NoError(t, err)
	return groups
}

// invocation is the invocation that clients receive.
func (v variant) invocation(t *testing.T, full bool, shape event.Shape) event.Invocation {
	t.Helper()
	inv, err := event.Logged{
		Event: v.event(t, full), Group: v.groups(t)[0], Position: 9, Sequence: exampleSequence,
	}.Invocation(shape)
	require.NoError(t, err)
	return inv
}

// variants returns every type of a family, in the catalogue's order.
func variants(t *testing.T, family event.Family) (all []variant) {
	t.Helper()
	for _, typ := range event.Types() {
		if typ.Family() != family {
			continue
		}
		for _, form := range typ.Forms() {
			all = append(all, variant{typ, form})
		}
	}
	require.NotEmpty(t, all)
	return all
}

// member is one field of an object that clients receive.
type member struct {
	name        string
	typescript  string
	nullable    bool
	description string
}

// ownMembers are Herald's own members that do not come from the payload.
var ownMembers = map[string]member{
	"orderId":       {typescript: "UUID", description: "The order."},
	"restaurantId":  {typescript: "UUID", description: "The order's restaurant."},
	"occurredOnUtc": {typescript: "Timestamp", description: "When it happened."},
	"timestamp":     {typescript: "Timestamp", description: "When it happened."},
	"eventId":       {typescript: "UUID", description: "Which event this is: what a resume takes."},
	"sequence":      {typescript: "number", description: "Its number within the group: 1, 2, 3, without a hole."},
}

// members are the members of an object that a variant's clients receive, in order, read from the messages
// themselves.
func (v variant) members(t *testing.T) (all []member) {
	t.Helper()
	full, least := v.invocation(t, true, event.Plain), v.invocation(t, false, event.Plain)
	var sent, sentAtLeast ordered[json.RawMessage]
	require.NoError(t, json.Unmarshal(full.Arguments[0], &sent))
	require.NoError(t, json.Unmarshal(least.Arguments[0], &sentAtLeast))
	require.Len(t, sentAtLeast, len(sent), "nulls are there")
	for i, one := range sent {
		name := one.Name
		require.Equal(t, name, sentAtLeast[i].Name)
		m, own := ownMembers[name]
		if !own {
			at := slices.IndexFunc(v.fields(), func(f event.Field) bool { return f.Name == name })
			require.GreaterOrEqual(t, at, 0, "%s of %v is neither a field of the payload nor Herald's own", name, v)
			f := v.fields()[at]
			m = member{typescript: typescriptOf(t, v, f), description: f.Description}
		}
		m.name, m.nullable = name, string(sentAtLeast[i].Value) == "null"
		require.NotEqual(t, "null", string(one.Value), "%s of %v has an example", name, v)
		all = append(all, m)
	}
	return all
}
