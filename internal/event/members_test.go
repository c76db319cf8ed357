package event_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// named is a member of an object as it stands in JSON text.
type named struct {
	name  string
	value json.RawMessage
}

func members(t *testing.T, object json.RawMessage) (all []named) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	_, err := d.Token()
	require.NoError(t, err)
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err)
		m := named{name: name.(string)}
		require.NoError(t, d.Decode(&m.value))
		all = append(all, m)
	}
	return all
}

// The table lists exactly the leading members of each object, in order: other protocols rely on it when they write.
func TestMembersAreThoseThatAreWritten(t *testing.T) {
	t.Parallel()
	seen := map[event.Type]map[string]bool{}
	for name, e := range goldens() {
		inv := invoke(t, e, event.WithCursor)
		own := e.Type.Members()
		if seen[e.Type] == nil {
			seen[e.Type] = map[string]bool{}
		}
		written := members(t, inv.Arguments[len(inv.Arguments)-1])
		last := own[len(own)-1].Name
		end := slices.IndexFunc(written, func(m named) bool { return m.name == last })
		require.GreaterOrEqual(t, end, 0, "%s has no %s", name, last)
		for _, m := range written[:end+1] {
			at := slices.IndexFunc(own, func(o event.Member) bool { return o.Name == m.name })
			require.GreaterOrEqual(t, at, 0, "%s: %s is not in the table, or not in its place", name, m.name)
			seen[e.Type][m.name] = true
			if string(m.value) == "null" {
				own = own[at+1:]
				continue
			}
			switch own[at].Kind {
			case event.Instant:
				require.NoError(t, new(time.Time).UnmarshalJSON(m.value), "%s: %s", name, m.name)
			case event.Numeric:
				require.NoError(t, json.Unmarshal(m.value, new(float64)), "%s: %s", name, m.name)
			case event.Value:
				require.Error(t, json.Unmarshal(m.value, new(int)), "%s: %s is %s", name, m.name, m.value)
				require.Error(t, json.Unmarshal(m.value, &time.Time{}), "%s: %s is %s", name, m.name, m.value)
			}
			own = own[at+1:]
		}
	}
	for _, eventType := range event.Types() {
		for _, m := range eventType.Members() {
			require.True(t, seen[eventType][m.Name], "%s: no golden has %s", eventType, m.Name)
		}
	}
	require.Empty(t, event.AccessRevoked.Members())
}
