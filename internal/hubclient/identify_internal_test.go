package hubclient

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Herald's own members identify an event, in JSON's names and in .NET's, whatever members follow.
func TestEventsAreReadByBothNames(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("2b3f90a2-2c1c-4a64-a20f-2a2d0cdbb4f1")
	at := time.Date(2026, 1, 20, 10, 0, 0, 0, time.UTC)
	const places = `"` + "2b3f90a2-2c1c-4a64-a20f-2a2d0cdbb4f1" + `"`
	for name, object := range map[string]string{
		"order":                       `{"orderId":"x","occurredOnUtc":"2026-01-20T10:00:00Z","eventId":` + places + `,"sequence":7}`,
		"order of .NET":               `{"OrderId":"x","OccurredOnUtc":"2026-01-20T10:00:00Z","EventId":` + places + `,"Sequence":7}`,
		"cursor":                      `{"eventId":` + places + `,"sequence":7,"occurredOnUtc":"2026-01-20T10:00:00Z"}`,
		"cursor of .NET":              `{"EventId":` + places + `,"Sequence":7,"OccurredOnUtc":"2026-01-20T10:00:00Z"}`,
		"admin":                       `{"timestamp":"2026-01-20T10:00:00Z","type":"info","eventId":` + places + `,"sequence":7}`,
		"admin of .NET":               `{"Timestamp":"2026-01-20T10:00:00Z","Type":"info","EventId":` + places + `,"Sequence":7}`,
		"others behind":               `{"timestamp":"2026-01-20T10:00:00Z","eventId":` + places + `,"sequence":7,"EventId":"mine","Sequence":[],"eventid":5,"SEQUENCE":9,"occurredOnUtc":"x"}`,
		"others behind those of .NET": `{"Timestamp":"2026-01-20T10:00:00Z","EventId":` + places + `,"Sequence":7,"eventID":5,"OccurredOnUtc":0}`,
	} {
		e, ok := eventOf(
			Invocation{Method: "M", Arguments: []json.RawMessage{json.RawMessage(`"first"`), json.RawMessage(object)}},
		)
		require.True(t, ok, name)
		require.Equal(t, id, e.EventID, name)
		require.EqualValues(t, 7, e.Sequence, name)
		require.True(t, at.Equal(e.OccurredOn), name)
	}
	for _, none := range []string{
		`"text"`, `{}`, `{"timestamp":"2026-01-20T10:00:00Z","message":"m"}`, `{"eventId":"x","sequence":1}`,
		`{"sequence":"1"}`, `{"sequence":0}`, `null`, ``,
	} {
		_, ok := eventOf(Invocation{Arguments: []json.RawMessage{json.RawMessage(none)}})
		require.False(t, ok, none)
	}
	_, ok := eventOf(Invocation{})
	require.False(t, ok)
}
