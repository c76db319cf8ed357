package signalr_test

import (
	"encoding/hex"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// shakeHandsBinary asks for MessagePack. The answer is JSON, but in a binary frame.
func (c *client) shakeHandsBinary() {
	c.t.Helper()
	c.send(`{"protocol":"messagepack","version":1}`)
	require.Equal(c.t, "{}\x1e", string(c.receiveBinary(3)))
}

func (c *client) expectBinary(text string) {
	c.t.Helper()
	require.Equal(c.t, hex.Dump(written(c.t, text)), hex.Dump(c.receiveRecord()))
}

// One Message reaches the clients of both protocols, each in its own.
func TestSendToBothProtocols(t *testing.T) {
	t.Parallel()
	f := setup(t)
	text, textConn := f.connect(t)
	binary := f.dial(t)
	binary.shakeHandsBinary()
	binaryConn := f.opened(t)
	m := message("ReceiveOrderStatusChanged", `{"orderId":"o-1","eventId":9007199254740993,"total":12.5}`, `null`)
	size := m.Size()
	for range 3 {
		require.NoError(t, textConn.Send(m))
		require.NoError(t, binaryConn.Send(m))
	}
	for range 3 {
		text.expect(`{"type":1,"target":"ReceiveOrderStatusChanged","arguments":[{"orderId":"o-1","eventId":9007199254740993,"total":12.5},null]}`)
		binary.expectBinary(`96 01 80 c0 b9 "ReceiveOrderStatusChanged"
			92 83 a7 "orderId" a3 "o-1" a7 "eventId" cf 00 20 00 00 00 00 00 01 a5 "total" cb 40 29 00*6 c0 90`)
	}
	require.Equal(t, size, m.Size())
	textConn.Close("", false)
	text.expect(`{"type":7}`)
	text.expectClose(ws.StatusNormalClosure)
	binaryConn.Close("Bye.", false)
	binary.expectBinary(`93 07 a4 "Bye." c2`)
	binary.expectClose(ws.StatusNormalClosure)
}

func TestKeepAliveOfMessagePack(t *testing.T) {
	t.Parallel()
	const ping = "\x02\x91\x06"
	inBubble(t, func(b *bubble) {
		c := b.dial()
		c.shakeHandsBinary()
		for range 3 {
			record, after := c.recordAfter()
			require.Equal(b.t, ping, record)
			require.InDelta(b.t, 15, after.Seconds(), 1)
			c.sendBinary([]byte(ping))
		}
		last := ping
		for last == ping { // silence, except for the server's pings
			last, _ = c.recordAfter()
		}
		require.Equal(b.t, hex.Dump(framed(written(b.t, `93 07 d9 20 "Connection closed with an error." c3`))),
			hex.Dump([]byte(last)))
		c.expectClose(ws.StatusNormalClosure)
		require.Error(b.t, <-b.disconnected)
		synctest.Wait()
		require.Equal(b.t, []signalr.CloseReason{signalr.ClientTimedOut}, b.observer.reasons())
	})
}

// Records and frames need not coincide over MessagePack either, and the handshake needs no frame of its own.
func TestMessagePackInFramesOfAnySize(t *testing.T) {
	t.Parallel()
	f := setup(t)
	call := framed(written(t, `96 01 80 a1 "1" a7 "Nothing" 90 90`))
	long := framed(append(written(t, `96 01 80 a1 "2" a4 "Echo" 91 da 03 e8`), append(written(t, `78*1000`), 0x90)...))
	everything := []byte(`{"protocol":"messagepack","version":1}` + "\x1e")
	for range 50 {
		everything = append(append(everything, call...), long...)
	}
	for _, size := range []int{1, 7, 300, 4999, len(everything)} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			c := f.dial(t)
			for rest := everything; len(rest) > 0; {
				n := min(size, len(rest))
				c.sendBinary(rest[:n])
				rest = rest[n:]
			}
			require.Equal(t, "{}\x1e", string(c.receiveBinary(3)))
			for range 50 {
				c.expectBinary(`95 03 80 a1 "1" 03 c0`)
				c.expectBinary(`95 03 80 a1 "2" 03 da 03 e8 78*1000`)
			}
		})
	}
}
