package hubs_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/yummyzoom/herald/internal/auth"
)

// packedClient is a WebSocket client that speaks MessagePack and sees the bytes.
type packedClient struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	left []byte
}

func (s *server) connectPacked(path string, g auth.Grant) *packedClient {
	s.t.Helper()
	conn, in, _, err := ws.Dial(s.t.Context(), strings.Replace(s.url, "http", "ws", 1)+path+"?access_token="+s.token(g))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	if in == nil {
		in = bufio.NewReader(conn)
	}
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(patience)))
	require.NoError(s.t, wsutil.WriteClientText(conn, []byte(`{"protocol":"messagepack","version":1}`+"\x1e")))
	c := &packedClient{t: s.t, conn: conn, in: in}
	_, _, err = wsutil.ReadServerData(readWriter{in, conn})
	require.NoError(s.t, err)
	return c
}

// frame reads a message with its length prefix.
func (c *packedClient) frame() []byte {
	c.t.Helper()
	for len(c.left) == 0 {
		var err error
		c.left, _, err = wsutil.ReadServerData(readWriter{c.in, c.conn})
		require.NoError(c.t, err)
	}
	length, prefix := binary.Uvarint(c.left)
	end := prefix + int(length)
	frame := c.left[:end]
	c.left = c.left[end:]
	return frame
}

// message reads a message with another project's MessagePack library.
func (c *packedClient) message() (message []any) {
	c.t.Helper()
	frame := c.frame()
	_, prefix := binary.Uvarint(frame)
	require.NoError(c.t, msgpack.Unmarshal(frame[prefix:], &message))
	return message
}

// invoke sends an invocation; the caller reads the answer.
func (c *packedClient) invoke(id, method string, args ...any) {
	c.t.Helper()
	if args == nil {
		args = []any{}
	}
	raw, err := msgpack.Marshal([]any{1, map[string]string{}, id, method, args, []string{}})
	require.NoError(c.t, err)
	require.NoError(c.t, wsutil.WriteClientBinary(c.conn, append(binary.AppendUvarint(nil, uint64(len(raw))), raw...)))
}

type readWriter struct {
	*bufio.Reader
	io.Writer
}
