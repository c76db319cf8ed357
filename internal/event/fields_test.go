package event_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// The documents describe each field, and the described fields are those that clients receive.
func TestFieldsAreDescribed(t *testing.T) {
	t.Parallel()
	for _, eventType := range event.Types() {
		for i, f := range eventType.Fields() {
			require.NotEmpty(t, f.Name, eventType)
			require.NotEmpty(t, f.Description, "%s.%s", eventType, f.Name)
			require.NotEmpty(t, f.Wanted(), "%s.%s", eventType, f.Name)
			require.Equal(t, f.Kind == event.KindOne, len(f.Values) > 0, "%s.%s", eventType, f.Name)
			require.Equal(t, len(eventType.Forms()) > 1 && i > 0, f.Form != "", "%s.%s", eventType, f.Name)
		}
	}
	for name, e := range goldens() {
		if e.Type.Family() == event.TeamCart {
			continue // their arguments have no names
		}
		var sent map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(invoke(t, e, event.Plain).Arguments[0], &sent))
		for _, f := range e.Type.Fields() {
			if strings.Contains(f.Name, ".") || f.Form != "" && `"`+f.Form+`"` != string(sent["type"]) {
				continue
			}
			require.Contains(t, sent, f.Name, name)
		}
	}
}

// A caller that changes the returned slice does not change the catalogue.
func TestFieldsAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	for _, eventType := range event.Types() {
		before := len(eventType.Fields())
		for range 2 {
			fields := eventType.Fields()
			for i := range fields {
				fields[i].Name = "changed"
			}
			_ = append(fields, event.Field{})
		}
		for _, f := range eventType.Fields() {
			require.NotEqual(t, "changed", f.Name, eventType)
		}
		require.Len(t, eventType.Fields(), before)
	}
}
