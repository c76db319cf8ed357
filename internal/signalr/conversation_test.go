package signalr_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// TestConversations plays the golden conversations. In a line "> record" is what the client sends, and "< record"
// what the server must send next. "closed" says that the server then ends the connection, a WebSocket with the status
// behind it or else 1000. A line of dashes begins another connection. Of a binary protocol, over WebSockets, ">>
// bytes" and "<< bytes" are a record without the length in front of it, and ">| bytes" and "<| bytes" are bytes as
// they are.
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
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		for transport, dial := range transports {
			if strings.HasPrefix(name, "messagepack") && transport != "WebSockets" {
				continue
			}
			t.Run(name+" over "+transport, func(t *testing.T) {
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
	webSocket, _ := c.(*client)
	for line := range strings.SplitSeq(strings.TrimSpace(conversation), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		verb, said, _ := strings.Cut(line, " ")
		switch verb {
		case ">":
			c.send(said)
		case ">>":
			webSocket.sendBinary(framed(written(t, said)))
		case ">|":
			webSocket.sendBinary(written(t, said))
		case "<":
			require.Equal(t, said, c.receive(), "in:\n%s", conversation)
		case "<<":
			got := webSocket.receiveRecord()
			require.Equal(t, hex.Dump(written(t, said)), hex.Dump(got), "at %s\nin:\n%s", line, conversation)
		case "<|":
			want := written(t, said)
			require.Equal(t, hex.Dump(want), hex.Dump(webSocket.receiveBinary(len(want))), "at %s\nin:\n%s", line, conversation)
		case "closed":
			if said == "" {
				c.expectEnd()
				continue
			}
			status, err := strconv.Atoi(said)
			require.NoError(t, err)
			webSocket.expectClose(ws.StatusCode(status))
		default:
			require.FailNow(t, "not a line of a conversation: "+line)
		}
	}
}

// written reads bytes in written form: 2 hex digits, or a Go string in quotes, each perhaps with *N for N times.
func written(t *testing.T, text string) []byte {
	t.Helper()
	var all []byte
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		var some []byte
		if quoted, err := strconv.QuotedPrefix(text); err == nil {
			unquoted, err := strconv.Unquote(quoted)
			require.NoError(t, err)
			some, text = []byte(unquoted), text[len(quoted):]
		} else {
			require.GreaterOrEqual(t, len(text), 2, text)
			some, err = hex.DecodeString(text[:2])
			require.NoError(t, err, text)
			text = text[2:]
		}
		times := 1
		if after, ok := strings.CutPrefix(text, "*"); ok {
			number, rest, _ := strings.Cut(after, " ")
			var err error
			times, err = strconv.Atoi(number)
			require.NoError(t, err)
			text = rest
		}
		all = append(all, bytes.Repeat(some, times)...)
	}
	return all
}

// framed puts a record's length in front of it.
func framed(record []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(record))), record...)
}

func (c *client) sendBinary(b []byte) {
	c.t.Helper()
	c.frame(ws.NewBinaryFrame(b))
}

// receiveBinary returns the next n bytes, which may be in several frames.
func (c *client) receiveBinary(n int) []byte {
	c.t.Helper()
	for len(c.rest) < n {
		f, err := c.next()
		require.NoError(c.t, err)
		require.Equal(c.t, ws.OpBinary, f.Header.OpCode, "payload %q", f.Payload)
		require.True(c.t, f.Header.Fin)
		require.False(c.t, f.Header.Masked)
		c.rest += string(f.Payload)
	}
	b := []byte(c.rest[:n])
	c.rest = c.rest[n:]
	return b
}

// receiveRecord returns the next record of a binary protocol, without its length.
func (c *client) receiveRecord() []byte {
	c.t.Helper()
	var length uint64
	for shift := 0; ; shift += 7 {
		b := c.receiveBinary(1)[0]
		length |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return c.receiveBinary(int(length))
		}
	}
}
