package transport

import (
	"bytes"
	"io"
	"net"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// socketPair returns a WebSocket's server side, with a small buffer, and the other end.
func socketPair(t *testing.T) (*webSocket, net.Conn) {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	var dial net.Dialer
	client, err := dial.DialContext(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	server, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	require.NoError(t, server.(*net.TCPConn).SetWriteBuffer(8<<10))
	return newWebSocket(server, &Buffers{}, nil, nil), client
}

// The allocator has sizes of 384 and 416 bytes.
func TestAWebSocketFitsItsSize(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, unsafe.Sizeof(webSocket{}), uintptr(384))
}

// The other end gets exactly the bytes that WriteNow says were written.
func TestWriteNowSaysWhatWasWritten(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100, 1000, maxJoined - 1, maxJoined, maxJoined + 1, 300_000} {
		ws, client := socketPair(t)
		var frames []*wire.Frame
		var all []byte
		for i := range 16<<20/size%5000 + 50 {
			f := &wire.Frame{Bytes: bytes.Repeat([]byte{byte(i)}, size+i%3)}
			frames = append(frames, f)
			all = append(all, f.Bytes...)
		}
		total, refused := 0, 0
		for len(frames) > 0 && refused < 3 {
			whole, part, err := ws.WriteNow(frames)
			require.NoError(t, err)
			total += wire.Size(frames[:whole]) + part
			if whole == 0 && part == 0 {
				refused++
			}
			if frames = frames[whole:]; part > 0 {
				require.Less(t, part, len(frames[0].Bytes))
				frames[0] = &wire.Frame{Bytes: frames[0].Bytes[part:]}
			}
		}
		require.NoError(t, ws.conn.Close())
		got, err := io.ReadAll(client)
		require.NoError(t, err)
		require.True(t, bytes.Equal(all[:total], got), "frames of %d bytes: %d written, %d arrived", size, total, len(got))
	}
}

func TestWriteNowToNobody(t *testing.T) {
	t.Parallel()
	ws, client := socketPair(t)
	require.NoError(t, client.(*net.TCPConn).SetLinger(0))
	require.NoError(t, client.Close()) // a reset
	var err error
	for range 100 {
		if _, _, err = ws.WriteNow([]*wire.Frame{{Bytes: make([]byte, 1000)}}); err != nil {
			break
		}
	}
	require.ErrorContains(t, err, "writing to socket")
	require.NoError(t, ws.conn.Close())
	_, _, err = ws.WriteNow([]*wire.Frame{{Bytes: []byte{1}}})
	require.ErrorIs(t, err, net.ErrClosed)
}

// Frames are joined while they fit into the memory for that.
func TestWriteNowJoins(t *testing.T) {
	t.Parallel()
	frames := func(sizes ...int) (all []*wire.Frame) {
		for _, size := range sizes {
			all = append(all, &wire.Frame{Bytes: make([]byte, size)})
		}
		return all
	}
	for _, c := range []struct {
		frames      []*wire.Frame
		count, size int
	}{
		{frames(10), 1, 10},
		{frames(10, 20, 30), 3, 60},
		{frames(maxJoined-10, 10, 1), 2, maxJoined},
		{frames(maxJoined-10, 11), 1, maxJoined - 10},
		{frames(maxJoined, 1), 1, maxJoined},
		{frames(10*maxJoined, 1), 1, 10 * maxJoined},
		{frames(1, 10*maxJoined), 1, 1},
	} {
		a := &attempt{}
		require.Equal(t, c.count, a.gather(c.frames))
		require.Len(t, a.data, c.size)
		require.Contains(t, []int{0, maxJoined}, cap(a.run))
	}
}
