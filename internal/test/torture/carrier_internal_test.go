package torture

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// Every admin event is written, in each of its forms: a text or two numbers of it carry the origin, and clients
// receive them.
func TestEveryAdminEventTellsItsOrigin(t *testing.T) {
	t.Parallel()
	for _, eventType := range event.Types() {
		if eventType.Family() != event.Admin {
			continue
		}
		require.Len(t, carriersOf[eventType], len(eventType.Forms()), eventType)
		for _, c := range carriersOf[eventType] {
			payload := strings.NewReplacer(originMark, "17.4", chainMark, "17", versionMark, "4").Replace(c.payload)
			e := &event.Event{Type: eventType, Payload: json.RawMessage(payload)}
			_, err := e.Groups()
			require.NoError(t, err, payload)
			invocation, err := event.Logged{Event: e, Sequence: 1}.Invocation(event.Plain)
			require.NoError(t, err)
			_, from, err := readContent(invocation.Method, invocation.Arguments)
			require.NoError(t, err)
			require.Equal(t, "17.4", from, payload)
		}
	}
}
