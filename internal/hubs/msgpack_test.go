package hubs_test

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubs"
)

// A client that speaks MessagePack asks for the cursor as one that speaks JSON does. Its messages are shorter than 128 bytes, so that
// a length prefix is one byte, or two.
//
// Acceptance: A-254.
func TestACartsCursorOverMessagePack(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := uuid.New()
	group := event.TeamCartGroup(id)
	token := s.token(auth.Grant{Subject: "u", Permissions: []string{string(group)}})
	conn, in, _, err := ws.Dial(t.Context(), strings.Replace(s.url, "http", "ws", 1)+hubs.TeamCartPath+"?access_token="+token)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	if in == nil {
		in = bufio.NewReader(conn)
	}
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	require.NoError(t, wsutil.WriteClientText(conn, []byte(`{"protocol":"messagepack","version":1}`+"\x1e")))
	_, _, err = wsutil.ReadServerData(readWriter{in, conn})
	require.NoError(t, err)
	var left []byte
	receive := func() (message []any) {
		for len(left) == 0 {
			left, _, err = wsutil.ReadServerData(readWriter{in, conn})
			require.NoError(t, err)
		}
		length, prefix := int(left[0]), 1
		if length >= 128 {
			length, prefix = length&127|int(left[1])<<7, 2
		}
		require.NoError(t, msgpack.Unmarshal(left[prefix:prefix+length], &message))
		left = left[prefix+length:]
		return message
	}
	call := func(args ...any) []any {
		raw, err := msgpack.Marshal([]any{1, map[string]string{}, "1", "ResumeCart", args, []string{}})
		require.NoError(t, err)
		require.NoError(t, wsutil.WriteClientBinary(conn, append([]byte{byte(len(raw))}, raw...)))
		return receive()
	}
	publish := func() []any {
		s.publish(group, event.Event{Type: event.CartUpdated, ResourceID: id, Payload: json.RawMessage(`{}`)})
		message := receive()
		require.Equal(t, "ReceiveCartUpdated", message[3])
		return message[4].([]any)
	}
	for _, wish := range []struct {
		args   []any
		cursor int
	}{{[]any{id.String(), nil}, 0}, {[]any{id.String(), nil, true}, 1}, {[]any{id.String(), nil, nil}, 0}, {[]any{id.String(), nil, false}, 0}} {
		require.EqualValues(t, 3, call(wish.args...)[3], "a result that is not void")
		require.Len(t, publish(), wish.cursor, "%v", wish.args)
	}
	for _, odd := range []any{1, "true", []any{}} {
		require.Equal(t, "Failed to invoke 'ResumeCart' due to an error on the server.", call(id.String(), nil, odd)[4])
	}
}

type readWriter struct {
	*bufio.Reader
	io.Writer
}
