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
// must say next, "closed" that it then ends the connection; a line of dashes begins another connection.
func TestConversations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/signalr/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	transports := map[string]func(*testing.T, *fixture) talker{
		"WebSockets":       func(t *testing.T, f *fixture) talker { t.Helper(); return f.dial(t) },
		"ServerSentEvents": func(t *testing.T, f *fixture) talker { t.Helper(); return f.stream(t) },
		"LongPolling":      func(t *testing.T, f *fixture) talker { t.Helper(); return f.poller(t) },
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for transport, dial := range transports {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+" over "+transport, func(t *testing.T) {
				t.Parallel()
				f := setup(t)
				for conversation := range strings.SplitSeq(string(text), "\n---\n") {
					play(t, dial(t, f), conversation)
				}
			})
		}
	}
}

// talker is a client over any transport.
type talker interface {
	send(records ...string)
	receive() string
	expect(records ...string)
	expectEnd()
}

func (c *client) expectEnd() { c.t.Helper(); c.expectClose(ws.StatusNormalClosure) }

func play(t *testing.T, c talker, conversation string) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(conversation), "\n") {
		switch said, ok := strings.CutPrefix(line, "> "); {
		case ok:
			c.send(said)
		case strings.HasPrefix(line, "< "):
			require.Equal(t, line[2:], c.receive(), "in:\n%s", conversation)
		case line == "closed":
			c.expectEnd()
		case line == "" || strings.HasPrefix(line, "#"):
		default:
			require.FailNow(t, "not a line of a conversation: "+line)
		}
	}
}
