package signalr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// TestConversations plays the golden conversations. A line "> record" is what the client says, "< record" what the server
// must say next, "closed" that it then closes the WebSocket; a line of dashes begins another connection.
func TestConversations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/signalr/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			for conversation := range strings.SplitSeq(string(text), "\n---\n") {
				play(t, f.dial(t), conversation)
			}
		})
	}
}

func play(t *testing.T, c *client, conversation string) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(conversation), "\n") {
		switch said, ok := strings.CutPrefix(line, "> "); {
		case ok:
			c.send(said)
		case strings.HasPrefix(line, "< "):
			require.Equal(t, line[2:], c.receive(), "in:\n%s", conversation)
		case line == "closed":
			c.expectClose(ws.StatusNormalClosure)
		case line == "" || strings.HasPrefix(line, "#"):
		default:
			require.FailNow(t, "not a line of a conversation: "+line)
		}
	}
}
