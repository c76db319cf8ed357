package transport

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEventWriter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		frames []string
		want   string
	}{
		{[]string{"Hello"}, "data: Hello\r\n\r\n"},
		{[]string{""}, "data: \r\n\r\n"},
		{[]string{"a\x1e", "b\x1e"}, "data: a\x1eb\x1e\r\n\r\n"},
		{[]string{"Hello\r\nWorld"}, "data: Hello\r\ndata: World\r\n\r\n"},
		{[]string{"Hello\nWorld\n"}, "data: Hello\r\ndata: World\r\ndata: \r\n\r\n"},
		{[]string{"Hello\n\nWorld"}, "data: Hello\r\ndata: \r\ndata: World\r\n\r\n"},
		{[]string{"Hello\rWorld"}, "data: Hello\r\ndata: World\r\n\r\n"}, // to .NET this is one line, and lost to the client
		{[]string{"\n\r\r\n"}, "data: \r\ndata: \r\ndata: \r\ndata: \r\n\r\n"},
	} {
		var out strings.Builder
		e := eventWriter{runWriter{to: &out}}
		e.begin()
		for _, f := range c.frames {
			e.data([]byte(f))
		}
		e.end()
		e.flush()
		require.NoError(t, e.err)
		require.Equal(t, c.want, out.String())
	}
}

// counted counts the writes.
type counted struct {
	strings.Builder
	writes []int
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes = append(c.writes, len(b))
	return c.Builder.Write(b)
}

func TestRunsAreBounded(t *testing.T) {
	t.Parallel()
	out := &counted{}
	w := runWriter{to: out}
	large := strings.Repeat("x", 5*maxRun)
	for range 40 {
		w.put([]byte(strings.Repeat("y", 1000)))
	}
	w.put([]byte(large))
	w.put([]byte("z"))
	w.flush()
	require.Equal(t, strings.Repeat("y", 40_000)+large+"z", out.String())
	require.Equal(t, []int{16_000, 16_000, 8_000, len(large), 1}, out.writes)
	require.LessOrEqual(t, cap(w.run), 2*maxRun)
}
