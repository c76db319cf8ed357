package signalr_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

const (
	handshake       = `{"protocol":"json","version":1}` + "\x1e"
	nothing         = `{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}` + "\x1e"
	nothingResult   = `{"type":3,"invocationId":"1","result":null}`
	closedWithError = `{"type":7,"error":"Connection closed with an error.","allowReconnect":true}`
)

func TestRecordsAndFramesNeedNotCoincide(t *testing.T) {
	t.Parallel()
	f := setup(t)
	everything := handshake + nothing + strings.Repeat(nothing, 200)
	for _, size := range []int{7, 50, 300, 5001, len(everything)} {
		t.Run(fmt.Sprintf("frames of %d bytes", size), func(t *testing.T) {
			t.Parallel()
			c := f.dial(t)
			for rest := everything; rest != ""; {
				n := min(size, len(rest))
				c.frame(ws.NewTextFrame([]byte(rest[:n])))
				rest = rest[n:]
			}
			c.expect(`{}`)
			for range 201 {
				c.expect(nothingResult)
			}
		})
		t.Run(fmt.Sprintf("fragments of %d bytes with pings between", size), func(t *testing.T) {
			t.Parallel()
			c := f.dial(t)
			op := ws.OpText
			for rest := everything; rest != ""; {
				n := min(size, len(rest))
				c.frame(ws.NewFrame(op, n == len(rest), []byte(rest[:n])))
				rest, op = rest[n:], ws.OpContinuation
				c.frame(ws.NewPongFrame([]byte("unasked")))
			}
			c.expect(`{}`)
			for range 201 {
				c.expect(nothingResult)
			}
		})
	}
}

// A buffer that grows in the midst of a frame must not lose its place in the mask.
func TestLargeFrameBehindTheBeginningOfItsRecord(t *testing.T) {
	t.Parallel()
	c, _ := setup(t).connect(t)
	text := strings.Repeat("0123456789", 1000)
	record := `{"type":1,"invocationId":"1","target":"Echo","arguments":["` + text + `"]}` + "\x1e"
	c.frame(ws.NewTextFrame([]byte(record[:7])))
	c.frame(ws.NewTextFrame([]byte(record[7:])))
	c.expect(`{"type":3,"invocationId":"1","result":"` + text + `"}`)
}

func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, _ := f.connect(t)
	c.frame(ws.NewPingFrame([]byte("are you there?")))
	pong, err := c.next()
	require.NoError(t, err)
	require.Equal(t, ws.OpPong, pong.Header.OpCode)
	require.Equal(t, "are you there?", string(pong.Payload))
	c.send(strings.TrimSuffix(nothing, "\x1e"))
	c.expect(nothingResult)
}

func TestClientClosesTheWebSocket(t *testing.T) {
	t.Parallel()
	for name, closing := range map[string]struct{ body, answer []byte }{
		"with a status":    {ws.NewCloseFrameBody(ws.StatusGoingAway, "bye"), ws.NewCloseFrameBody(ws.StatusGoingAway, "")},
		"without a status": {nil, ws.NewCloseFrameBody(ws.StatusNormalClosure, "")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			c, conn := f.connect(t)
			c.frame(ws.NewCloseFrame(closing.body))
			echo, err := c.next()
			require.NoError(t, err)
			require.Equal(t, ws.OpClose, echo.Header.OpCode)
			require.Equal(t, closing.answer, echo.Payload)
			c.expectEOF()
			require.NoError(t, within(t, f.disconnected, "OnDisconnected"))
			require.ErrorIs(t, conn.Send(message("TooLate")), signalr.ErrClosed)
			require.Error(t, conn.Context().Err())
		})
	}
}

func TestClientVanishes(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, _ := f.connect(t)
	require.Equal(t, 1, f.Connections("test"))
	require.NoError(t, c.conn.Close())
	require.ErrorIs(t, within(t, f.disconnected, "OnDisconnected"), io.ErrUnexpectedEOF)
	require.Equal(t, 0, f.Connections("test"))
}

func TestWebSocketViolations(t *testing.T) {
	t.Parallel()
	text := []byte(nothing)
	for name, bytes := range map[string][]byte{
		"a frame that is not masked": ws.MustCompileFrame(ws.NewTextFrame(text)),
		"a continuation of nothing":  ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpContinuation, true, text))),
		"a message within a message": append(
			ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpText, false, text[:5]))),
			ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(text)))...,
		),
		"a reserved bit": ws.MustCompileFrame(ws.MaskFrame(ws.Frame{
			Header: ws.Header{Fin: true, Rsv: 4, OpCode: ws.OpText, Length: int64(len(text))}, Payload: text,
		})),
		"a reserved operation":              ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpCode(5), true, text))),
		"a ping in fragments":               ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpPing, false, nil))),
		"a ping of more than 125 bytes":     ws.MustCompileFrame(ws.MaskFrame(ws.NewPingFrame(make([]byte, 126)))),
		"a length with the highest bit set": {0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
		"a close status that is reserved": ws.MustCompileFrame(
			ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1005, ""))),
		),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b *bubble) { // waiting for a farewell that cannot be read takes no time in the bubble
				c := b.dial()
				c.shakeHands()
				written := make(chan error, 1)
				go func() {
					_, err := c.conn.Write(bytes)
					written <- err
				}()
				f, err := c.next()
				require.NoError(b.t, err)
				require.Equal(b.t, ws.OpClose, f.Header.OpCode, "payload %q", f.Payload)
				status, _ := ws.ParseCloseFrameData(f.Payload)
				require.Equal(b.t, ws.StatusProtocolError, status)
				require.NoError(b.t, <-written)
				c.expectEOF()
				require.Error(b.t, <-b.disconnected)
				synctest.Wait()
				require.Equal(b.t, []signalr.CloseReason{signalr.ProtocolViolated}, b.observer.reasons())
			})
		})
	}
}

// Acceptance: A-161.
func TestMessageTooLarge(t *testing.T) {
	t.Parallel()
	limit := signalr.DefaultSettings().MaximumMessageSize
	fits := `{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}`
	fits += strings.Repeat(" ", limit-1-len(fits))

	t.Run("the largest is taken", func(t *testing.T) {
		t.Parallel()
		c, _ := setup(t).connect(t)
		c.send(fits)
		c.expect(nothingResult)
	})
	t.Run("from the header alone, before anything else arrives", func(t *testing.T) {
		t.Parallel()
		c, _ := setup(t).connect(t)
		require.NoError(t, ws.WriteHeader(c.conn, ws.Header{Fin: true, OpCode: ws.OpText, Masked: true, Length: 1 << 62}))
		c.expect(closedWithError)
		c.expectClose(ws.StatusMessageTooBig)
	})
	t.Run("one byte more", func(t *testing.T) {
		t.Parallel()
		c, _ := setup(t).connect(t)
		c.send(fits + " ")
		c.expect(closedWithError)
		c.expectClose(ws.StatusMessageTooBig)
	})
	t.Run("in fragments", func(t *testing.T) {
		t.Parallel()
		c, _ := setup(t).connect(t)
		c.frame(ws.NewFrame(ws.OpText, false, []byte(fits)))
		c.frame(ws.NewFrame(ws.OpContinuation, true, []byte(" \x1e")))
		c.expect(closedWithError)
		c.expectClose(ws.StatusMessageTooBig)
	})
	t.Run("before the handshake", func(t *testing.T) {
		t.Parallel()
		c := setup(t).dial(t)
		c.send(fits + " ")
		c.expect(`{"error":"Handshake was canceled."}`)
		c.expectClose(ws.StatusMessageTooBig)
	})
}

func TestInvalidUTF8(t *testing.T) {
	t.Parallel()
	c, _ := setup(t).connect(t)
	c.send("{\"type\":6,\"x\":\"\xff\"}")
	c.expect(closedWithError)
	c.expectClose(ws.StatusNormalClosure)
}

// A client may send its handshake along with the request: net/http has then read it already.
func TestHandshakeAheadOfTheUpgrade(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c := f.dial(t)
	address := strings.TrimPrefix(strings.TrimSuffix(f.url, "/hub"), "http://")
	conn, err := netDial(t, address)
	require.NoError(t, err)
	request := "GET /hub?access_token=user HTTP/1.1\r\nHost: " + address +
		"\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	early := handshake + strings.Repeat(nothing, 10) // more than is read ahead
	_, err = conn.Write(append([]byte(request), ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(early))))...))
	require.NoError(t, err)
	c.conn, c.in = conn, bufio.NewReader(conn)
	response, err := http.ReadResponse(c.in, nil)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
	c.expect(`{}`)
	for range 10 {
		c.expect(nothingResult)
	}
}
