package hubs_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// A MessagePack client asks for the cursor as a JSON client does.
//
// Acceptance: A-254.
func TestACartsCursorOverMessagePack(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := uuid.New()
	group := event.TeamCartGroup(id)
	c := s.connectPacked(event.TeamCartPath, auth.Grant{Subject: "u", Permissions: []string{group.String()}})
	call := func(args ...any) []any {
		c.invoke("1", "ResumeCart", args...)
		return c.message()
	}
	publish := func() []any {
		s.publish(group, event.Event{Type: event.CartUpdated, ResourceID: id, Payload: json.RawMessage(`{}`)})
		message := c.message()
		require.Equal(t, "ReceiveCartUpdated", message[3])
		return message[4].([]any)
	}
	for _, wish := range []struct {
		args   []any
		cursor int
	}{
		{[]any{id.String(), nil}, 0},
		{[]any{id.String(), nil, true}, 1},
		{[]any{id.String(), nil, nil}, 0},
		{[]any{id.String(), nil, false}, 0},
	} {
		require.EqualValues(t, 3, call(wish.args...)[3], "a result that is not void")
		require.Len(t, publish(), wish.cursor, "%v", wish.args)
	}
	for _, odd := range []any{1, "true", []any{}} {
		require.Equal(t, "Failed to invoke 'ResumeCart' due to an error on the server.", call(id.String(), nil, odd)[4])
	}
}
