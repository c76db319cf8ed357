package signalr

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// textOnly is a transport that cannot carry binary data.
type textOnly struct{ transport.Transport }

func (textOnly) Binary() bool { return false }

func (textOnly) WriteNow(frames []*wire.Frame) (whole, part int, err error) {
	return len(frames), 0, nil
}

func TestBinaryProtocolNeedsABinaryTransport(t *testing.T) {
	t.Parallel()
	s, err := New(Config{
		Authenticate: func(*http.Request) (User, error) { return nil, ErrForbidden },
		Logger:       slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	hub := NewHub("h")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &Conn{host: &s.host, hub: hub, transport: textOnly{}, ctx: ctx, cancel: cancel, drain: func() {}}
	err = c.handshake([]byte(`{"protocol":"MessagePack","version":1}`))
	var refused *handshakeError
	require.ErrorAs(t, err, &refused)
	const text = "Cannot use the 'messagepack' protocol on the current transport. The transport does not support 'Binary' transfer format."
	require.Equal(t, text, refused.text)
	require.Equal(t, wire.OpText|0x80, refused.frame.Bytes[0])
	require.JSONEq(t, `{"error":"`+text+`"}`,
		strings.TrimSuffix(string(refused.frame.Bytes[refused.frame.Header:]), "\x1e"))
	require.Nil(t, c.protocol)
	require.NoError(t, c.handshake([]byte(`{"protocol":"json","version":1}`)))
}
