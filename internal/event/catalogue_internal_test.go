package event

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// An invalid row is refused before anything uses it, and the error names the row.
func TestRowsThatCannotBe(t *testing.T) {
	t.Parallel()
	admin := func(change func(d *Definition)) Definition {
		d := Definition{
			Type: "New", Family: Admin, Method: "New", Group: Alerts,
			Fields: []Field{{Name: "message", Kind: KindText}, {Name: "data", Kind: KindObject, Optional: true}},
			Endpoints: []Endpoint{{
				Path: "new", Message: "Sent", OperationID: "sendNew", Tag: "Alerts", Summary: "Send it", Schema: "New",
			}},
		}
		change(&d)
		return d
	}
	for name, test := range map[string]struct {
		row  Definition
		want string
	}{
		"nothing":              {admin(func(*Definition) {}), ""},
		"no name":              {admin(func(d *Definition) { d.Type = "" }), "it has no name"},
		"no family":            {admin(func(d *Definition) { d.Family = Unknown }), "it has no family"},
		"no method":            {admin(func(d *Definition) { d.Method = "" }), "clients are sent a method"},
		"no group":             {admin(func(d *Definition) { d.Group = Group{} }), "has the group of its row"},
		"a type that there is": {admin(func(d *Definition) { d.Type = SystemAlert }), "is there twice"},
		"a path that there is": {
			admin(func(d *Definition) { d.Endpoints[0].Path = "alert" }), `the endpoint "alert" is there twice`,
		},
		"no path": {admin(func(d *Definition) { d.Endpoints[0].Path = "" }), "needs a path"},
		"no schema": {
			admin(func(d *Definition) { d.Endpoints[0].Schema = "" }), "either statistics or a body",
		},
		"too few statistics": {admin(func(d *Definition) {
			d.Endpoints[0].Schema, d.Endpoints[0].Statistics = "", []string{"totalUsers"}
		}), "each field from one of the statistics"},
		"a form that there is not": {
			admin(func(d *Definition) { d.Endpoints[0].Form = "other" }), `the form "other", which there is not`,
		},
		"a field of no form": {
			admin(func(d *Definition) { d.Fields[1].Form = "other" }), "which the first field does not have",
		},
		"one of no values": {
			admin(func(d *Definition) { d.Fields[0].Kind = KindOne }), "is one of its values, or has none",
		},
		"a member of no object": {
			admin(func(d *Definition) { d.Fields[1].Name = "message.text" }), "is of no object",
		},
		"a value that follows from nothing": {admin(func(d *Definition) {
			d.Fields[0].Implied = &Implied{Member: "data.x", By: "kind"}
		}), "which are no fields"},
		"more fields than there is room for": {admin(func(d *Definition) {
			d.Fields = make([]Field, mostFields+1)
		}), "more than 16 fields"},
		"an order event of its own fields": {
			Definition{Type: "New", Family: Order, Method: "New", Fields: []Field{{Name: "courierId", Kind: KindUUID}}},
			"what every order event takes",
		},
		"a team cart event over REST": {admin(func(d *Definition) {
			d.Family, d.Group = TeamCart, Group{}
		}), "only admin events are published over REST"},
	} {
		_, err := newRows(append(definitions(), test.row))
		if test.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, test.want, name)
		require.ErrorContains(t, err, "event type ", name)
	}
}

// Where a row does not define an endpoint's body, the body has the type's fields without those that the endpoint
// sets.
func TestBodiesFollowFromTheFields(t *testing.T) {
	t.Parallel()
	bodies := map[string][]string{}
	for _, eventType := range Types() {
		for _, e := range eventType.Endpoints() {
			for _, f := range e.Body {
				bodies[e.Path] = append(bodies[e.Path], f.Name)
			}
			for _, example := range e.Examples {
				require.True(t, json.Valid([]byte(example.Value)), "%s %s", e.Path, example.Name)
			}
			require.Equal(t, e.Statistics == nil, len(e.Examples) > 0, e.Path)
		}
	}
	members := []string{"data.severity", "data.metric", "data.threshold"}
	require.Equal(t, append([]string{"type", "message", "severity", "data"}, members...), bodies["alert"])
	require.Equal(t, append([]string{"message", "severity", "data"}, members...), bodies["alert/error"])
	require.Equal(t, []string{"userId", "roleName", "action"}, bodies["notify/role-assignment"])
	require.Equal(t, []string{"eventType", "description", "data"}, bodies["notify/system-event"])
	require.Empty(t, bodies["broadcast/user-count"])
	without := Endpoint{Form: "system-event"}
	r := AdminNotification.row()
	without.complete(r.forms["system-event"].fields, nil)
	require.Equal(t, []Example{{"published", `{"eventType":"database_maintenance",` +
		`"description":"Scheduled maintenance completed successfully",` +
		`"data":{"cpuUsage":92,"threshold":85}}`}}, without.Examples)
}

// The outbox accepts the examples in the documents.
func TestExamplesFit(t *testing.T) {
	t.Parallel()
	for _, eventType := range Types() {
		for _, form := range eventType.Forms() {
			for _, full := range []bool{true, false} {
				e := &Event{Type: eventType, Payload: eventType.Example(form, full)}
				_, err := e.Groups()
				require.NoError(t, err, "%s %s", eventType, e.Payload)
			}
		}
	}
}

// A type of a newer release has no family, no receivers and no fields.
func TestATypeThatIsNoRow(t *testing.T) {
	t.Parallel()
	const newer Type = "CartSplit"
	require.Equal(t, Unknown, newer.Family())
	require.Empty(t, newer.Fields())
	require.Empty(t, newer.Members())
	require.Empty(t, newer.Endpoints())
	require.Equal(t, []string{""}, newer.Forms())
	require.Equal(t, AccessRevoked, Control.First())
	group, ok := AdminGroup("RevenueUpdate")
	require.True(t, ok)
	require.Equal(t, Analytics, group)
	_, ok = AdminGroup("ReceiveOrderPlaced")
	require.False(t, ok)
}
