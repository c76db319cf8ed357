package reference_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
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

// samples are the examples' values, by the field's name, or where types differ by type or form and name.
var samples = map[string]string{
	"orderNumber":             `"YZ-1024"`,
	"status":                  `"Preparing"`,
	"CartPaymentEvent.status": `"Succeeded"`,
	"lastUpdateTimestamp":     `"2025-01-20T10:05:00Z"`,
	"estimatedDeliveryTime":   `"2025-01-20T10:35:00Z"`,
	"actualDeliveryTime":      `"2025-01-20T10:33:00Z"`,
	"deliveredAt":             `"2025-01-20T10:34:00Z"`,
	"userId":                  `"550e8400-e29b-41d4-a716-446655440000"`,
	"orderId":                 `"f47ac10b-58cc-4372-a567-0e02b2c3d479"`,
	"action":                  `"website_generated"`,
	"role-assignment.action":  `"assigned"`,
	"details":                 `{"projectId":"proj-12345","generationTime":3.5}`,
	"totalUsers":              `5432`,
	"activeUsers":             `234`,
	"newUsersToday":           `12`,
	"websitesGenerated":       `1203`,
	"imagesGenerated":         `3847`,
	"failedGenerations":       `5`,
	"averageGenerationTime":   `4.2`,
	"revenue":                 `12345.67`,
	"dailyRevenue":            `1250.75`,
	"totalRevenue30d":         `35420.5`,
	"type":                    `"warning"`,
	"role-assignment.type":    `"role-assignment"`,
	"system-event.type":       `"system-event"`,
	"message":                 `"System performance degradation detected"`,
	"severity":                `"high"`,
	"data":                    `{"cpuUsage":92,"threshold":85}`,
	"roleName":                `"Moderator"`,
	"eventType":               `"database_maintenance"`,
	"description":             `"Scheduled maintenance completed successfully"`,
}

// variant is an event type; of one with forms, one form of it.
type variant struct {
	Type event.Type
	Form string
}

// fields are the variant's own, without the members of objects.
func (v variant) fields() []event.Field {
	return slices.DeleteFunc(v.Type.Fields(), func(f event.Field) bool {
		return f.Form != "" && f.Form != v.Form || bytes.ContainsRune([]byte(f.Name), '.')
	})
}

// sample is an example of a field's value, in JSON.
func (v variant) sample(t *testing.T, field string) string {
	t.Helper()
	for _, name := range []string{v.Form + "." + field, string(v.Type) + "." + field, field} {
		if value, ok := samples[name]; ok {
			return value
		}
	}
	require.FailNow(t, "a field without an example: add one to samples", "%s of %v", field, v)
	return ""
}

// payload is an example of what a producer writes: every field, or only those that must be there.
func (v variant) payload(t *testing.T, full bool) json.RawMessage {
	t.Helper()
	b := []byte{'{'}
	for _, f := range v.fields() {
		if f.Optional && !full {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, f.Name), ':')
		b = append(b, v.sample(t, f.Name)...)
	}
	return append(b, '}')
}

// event is an example of the variant.
func (v variant) event(t *testing.T, full bool) *event.Event {
	t.Helper()
	e := &event.Event{ID: exampleEvent, Type: v.Type, Payload: v.payload(t, full), OccurredOn: exampleTime}
	switch v.Type.Family() {
	case event.Order:
		e.ResourceID, e.RestaurantID, e.CustomerID, e.Audience = exampleOrder, exampleRestaurant, exampleCustomer, event.Both
	case event.TeamCart:
		e.ResourceID = exampleCart
	case event.Admin, event.Control, event.Unknown:
	}
	return e
}

// groups are those that an example is sent to.
func (v variant) groups(t *testing.T) []event.Group {
	t.Helper()
	groups, err := v.event(t, true).Groups()
	require.NoError(t, err)
	return groups
}

// invocation is what clients are sent.
func (v variant) invocation(t *testing.T, full bool, shape event.Shape) event.Invocation {
	t.Helper()
	inv, err := event.Logged{Event: v.event(t, full), Group: v.groups(t)[0], Position: 9, Sequence: exampleSequence}.Invocation(shape)
	require.NoError(t, err)
	return inv
}

// variants returns every type of a family as it stands in the code, in its order.
func variants(t *testing.T, family event.Family) (all []variant) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../event/type.go", nil, 0)
	require.NoError(t, err)
	for _, declaration := range file.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if !ok || len(value.Values) != 1 {
				continue
			}
			named, ok := value.Type.(*ast.Ident)
			if !ok || named.Name != "Type" {
				continue
			}
			literal, ok := value.Values[0].(*ast.BasicLit)
			require.True(t, ok)
			name, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			if typ := event.Type(name); typ.Family() == family {
				if typ != event.AdminNotification {
					all = append(all, variant{Type: typ})
					continue
				}
				for _, form := range event.NotificationForms() {
					all = append(all, variant{typ, form})
				}
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

// member is one field of an object that clients are sent.
type member struct {
	name        string
	typescript  string
	nullable    bool
	description string
}

// ownMembers are those of Herald's own that do not come from the payload.
var ownMembers = map[string]member{
	"orderId":       {typescript: "UUID", description: "The order."},
	"restaurantId":  {typescript: "UUID", description: "The order's restaurant."},
	"occurredOnUtc": {typescript: "Timestamp", description: "When it happened."},
	"timestamp":     {typescript: "Timestamp", description: "When it happened."},
	"eventId":       {typescript: "UUID", description: "Which event this is: what a resume takes."},
	"sequence":      {typescript: "number", description: "Its number within the group: 1, 2, 3, without a hole."},
}

// members are those of an object that clients of a variant are sent, in their order, from the messages themselves.
func (v variant) members(t *testing.T) (all []member) {
	t.Helper()
	full, least := v.invocation(t, true, event.Plain), v.invocation(t, false, event.Plain)
	names, values := object(t, full.Arguments[0])
	namesAtLeast, valuesAtLeast := object(t, least.Arguments[0])
	require.Equal(t, names, namesAtLeast, "nulls are there")
	for i, name := range names {
		m, own := ownMembers[name]
		if !own {
			at := slices.IndexFunc(v.fields(), func(f event.Field) bool { return f.Name == name })
			require.GreaterOrEqual(t, at, 0, "%s of %v is neither a field of the payload nor Herald's own", name, v)
			f := v.fields()[at]
			m = member{typescript: typescriptOf(t, v, f), description: f.Description}
		}
		m.name, m.nullable = name, string(valuesAtLeast[i]) == "null"
		require.NotEqual(t, "null", string(values[i]), "%s of %v", name, v)
		all = append(all, m)
	}
	return all
}

// object returns an object's members in their order.
func object(t *testing.T, raw json.RawMessage) (names []string, values []json.RawMessage) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	opening, err := d.Token()
	require.NoError(t, err)
	require.Equal(t, json.Delim('{'), opening)
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err)
		text, ok := name.(string)
		require.True(t, ok)
		var value json.RawMessage
		require.NoError(t, d.Decode(&value))
		names, values = append(names, text), append(values, value)
	}
	return names, values
}
