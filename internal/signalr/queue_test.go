package signalr_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 4, 25_000 // 100,000 messages
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes, cfg.ClientTimeout = 64<<20, time.Hour })
	c, conn := f.connect(t)

	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			for i := range each {
				if err := conn.Send(message("M", strconv.Itoa(s), strconv.Itoa(i))); err != nil {
					t.Errorf("sender %d, message %d: %v", s, i, err)
					return
				}
			}
		})
	}
	var next [senders]int
	for range senders * each {
		var s, i int
		record := c.receive()
		_, err := fmt.Sscanf(record, `{"type":1,"target":"M","arguments":[%d,%d]}`, &s, &i)
		require.NoError(t, err, record)
		require.Equal(t, next[s], i, "of sender %d", s)
		next[s]++
	}
	group.Wait()
	require.NoError(t, conn.WaitQueue(t.Context(), 1))
	require.Zero(t, conn.QueuedBytes())
}

func TestInvocationsRunInOrder(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, _ := f.connect(t)
	for i := range 200 {
		c.send(fmt.Sprintf(`{"type":1,"invocationId":"%d","target":"Add","arguments":[%d,0]}`, i, i))
	}
	for i := range 200 {
		c.expect(fmt.Sprintf(`{"type":3,"invocationId":"%d","result":%d}`, i, i))
	}
}

// A client that reads nothing fills up its queue. It is closed, and no sender is held up.
//
// Acceptance: A-164.
func TestStuckClientOverflows(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes = 256 << 10 })
	_, stuck := f.connect(t)
	other, healthy := f.connect(t)
	m := message("M", `"`+strings.Repeat("x", 32<<10)+`"`)

	var err error
	sent := 0
	for err == nil { // until the sockets' buffers, and then the queue, are full
		err = stuck.Send(m)
		sent++
		require.LessOrEqual(t, stuck.QueuedBytes(), 256<<10+m.Size())
		require.Less(t, sent, 100_000)
	}
	require.ErrorIs(t, err, signalr.ErrQueueFull)
	require.ErrorIs(t, stuck.Send(m), signalr.ErrClosed)
	require.ErrorIs(t, stuck.WaitQueue(t.Context(), 1), signalr.ErrClosed)
	require.NoError(t, healthy.Send(message("Healthy")))
	other.expect(`{"type":1,"target":"Healthy","arguments":[]}`)
	require.ErrorIs(t, within(t, f.disconnected, "OnDisconnected"), signalr.ErrQueueFull)
	require.Eventually(t, func() bool { return len(f.observer.reasons()) == 1 }, patience, patience/1000)
	require.Equal(t, []signalr.CloseReason{signalr.ClientTooSlow}, f.observer.reasons())
	require.Equal(t, 1, f.observer.overflows())
}

// A client that was slow only for a moment is told why, and to come back.
//
// Acceptance: A-164.
func TestOverflowSaysWhy(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes = 1 << 10 })
	c, conn := f.connect(t)
	m := message("M", `"`+strings.Repeat("x", 600)+`"`)
	for {
		if err := conn.Send(m); err != nil {
			require.ErrorIs(t, err, signalr.ErrQueueFull)
			break
		}
	}
	for c.peek() !=
		`{"type":7,"error":"The client does not keep up with the messages that are sent to it.","allowReconnect":true}` {
		c.expect(`{"type":1,"target":"M","arguments":["` + strings.Repeat("x", 600) + `"]}`) // already written
	}
	c.receive()
	c.expectClose(ws.StatusNormalClosure)
}

func TestMessageLargerThanTheQueue(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes = 1 << 10 })
	c, conn := f.connect(t)
	require.NoError(t, conn.WaitQueue(t.Context(), 1))
	large := `"` + strings.Repeat("x", 100_000) + `"`
	require.NoError(t, conn.Send(message("M", large)))
	c.expect(`{"type":1,"target":"M","arguments":[` + large + `]}`)
}

func TestWaitQueue(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, conn := f.connect(t)
	m := message("M", `"`+strings.Repeat("x", 64<<10)+`"`)
	total := 0
	for range 200 { // 12 MiB through a queue of 1 MiB
		require.NoError(t, conn.Send(m))
		total++
		if conn.QueuedBytes() > 512<<10 {
			break
		}
	}
	gaveUp := errors.New("gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gaveUp)
	if conn.QueuedBytes() >= 1 {
		require.ErrorIs(t, conn.WaitQueue(ctx, 1), gaveUp)
	}
	waited := make(chan error, 1)
	go func() { waited <- conn.WaitQueue(context.Background(), 1) }()
	for range total {
		c.receive()
	}
	require.NoError(t, within(t, waited, "WaitQueue"))
	require.Zero(t, conn.QueuedBytes())
}

func TestCloseSendsWhatIsQueuedFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason string
		allow  bool
		want   string
	}{
		"with a reason":        {"So be it.", false, `{"type":7,"error":"So be it."}`},
		"without":              {"", false, `{"type":7}`},
		"to come back":         {"", true, `{"type":7,"allowReconnect":true}`},
		"to come back, reason": {"Later.", true, `{"type":7,"error":"Later.","allowReconnect":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			client, conn := f.connect(t)
			for range 100 {
				require.NoError(t, conn.Send(message("M")))
			}
			conn.Close(c.reason, c.allow)
			conn.Close("again", !c.allow)
			require.ErrorIs(t, conn.Send(message("M")), signalr.ErrClosed)
			for range 100 {
				client.expect(`{"type":1,"target":"M","arguments":[]}`)
			}
			client.expect(c.want)
			client.expectClose(ws.StatusNormalClosure)
			require.NoError(t, within(t, f.disconnected, "OnDisconnected"))
		})
	}
}

func TestMessageIsEncodedOnceForAll(t *testing.T) {
	t.Parallel()
	f := setup(t)
	m := message("ReceiveConverted", `"f47ac10b-58cc-4372-a567-0e02b2c3d479"`, `{"a":1}`)
	want := `{"type":1,"target":"ReceiveConverted","arguments":["f47ac10b-58cc-4372-a567-0e02b2c3d479",{"a":1}]}`
	var group sync.WaitGroup
	for range 8 {
		c, conn := f.connect(t)
		group.Go(func() {
			if err := conn.Send(m); err != nil {
				t.Error(err)
			}
		})
		defer c.expect(want)
	}
	group.Wait()
	require.Equal(t, len(want)+1+2, m.Size())
}

// Behind TLS there is no writev, and after an interrupted read the client's farewell must still be readable.
//
// Acceptance: A-076.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server := httptest.NewTLSServer(f.handler())
	t.Cleanup(server.Close)
	run(t, f)
	c := dialURL(t, ws.Dialer{TLSConfig: server.Client().Transport.(*http.Transport).TLSClientConfig},
		strings.Replace(server.URL, "https", "wss", 1)+"/hub?access_token=user")
	c.shakeHands()
	conn := f.opened(t)
	text := `"` + strings.Repeat("x", 200) + `"`
	for i := range 3000 {
		send := queueAndFlush
		if i < 2000 {
			send = (*signalr.Conn).Send
		}
		require.NoError(t, send(conn, message("M", strconv.Itoa(i), text)))
	}
	conn.Close("", true)
	for i := range 3000 {
		c.expect(`{"type":1,"target":"M","arguments":[` + strconv.Itoa(i) + `,` + text + `]}`)
	}
	c.expect(`{"type":7,"allowReconnect":true}`)
	c.expectClose(ws.StatusNormalClosure)
}

// Frames of every length class, one at a time and many at once.
func TestFrameLengths(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes = 64 << 20 })
	c, conn := f.connect(t)
	const around = len(`{"type":1,"target":"M","arguments":[""]}`) + 1
	var want []string
	for _, size := range []int{around, 125, 126, 127, 65_535, 65_536, 65_537, 200_000} {
		text := `"` + strings.Repeat("x", size-around) + `"`
		require.NoError(t, conn.Send(message("M", text)))
		require.NoError(t, conn.WaitQueue(t.Context(), 1))
		c.expect(`{"type":1,"target":"M","arguments":[` + text + `]}`)
		want = append(want, text)
	}
	for range 100 {
		for _, text := range want[:4] {
			require.NoError(t, conn.Send(message("M", text)))
		}
	}
	for range 100 {
		for _, text := range want[:4] {
			c.expect(`{"type":1,"target":"M","arguments":[` + text + `]}`)
		}
	}
}

func TestHubCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		onConnected func(context.Context, *signalr.Conn) error
		want        string
	}{
		"refuses": {
			func(context.Context, *signalr.Conn) error { return &signalr.HubError{Message: "Not today"} },
			`{"type":7,"error":"Connection closed with an error. HubException: Not today"}`,
		},
		"fails": {
			func(context.Context, *signalr.Conn) error { return errors.New("a secret") },
			`{"type":7,"error":"Connection closed with an error."}`,
		},
		"panics": {
			func(context.Context, *signalr.Conn) error { panic("a secret") },
			`{"type":7,"error":"Connection closed with an error."}`,
		},
	} {
		t.Run("OnConnected "+name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.hub.OnConnected(c.onConnected)
			serve(t, f, f.handler())
			client := f.dial(t)
			client.shakeHands()
			client.expect(c.want)
			client.expectClose(ws.StatusNormalClosure)
			require.Error(t, within(t, f.disconnected, "OnDisconnected"))
		})
	}
	t.Run("OnConnected sends before any invocation is read", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.hub.OnConnected(func(_ context.Context, c *signalr.Conn) error { return c.Send(message("Welcome")) })
		serve(t, f, f.handler())
		client := f.dial(t)
		client.frame(ws.NewTextFrame([]byte(handshake + nothing)))
		client.expect(`{}`, `{"type":1,"target":"Welcome","arguments":[]}`, nothingResult)
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, _ := f.connect(t)
	for _, target := range []string{"nothing", "REFUSE", "Fail", "Panic", "ByID", "Invented"} {
		c.send(`{"type":1,"target":"` + target + `","arguments":[]}`)
	}
	c.send(`{"type":7}`)
	c.expect(`{"type":7}`)
	c.expectClose(ws.StatusNormalClosure)
	require.NoError(t, within(t, f.disconnected, "OnDisconnected"))
	require.Eventually(t, func() bool { return len(f.observer.reasons()) == 1 }, patience, patience/1000)
	require.Equal(t, map[string][]signalr.Outcome{
		"Nothing": {signalr.Succeeded}, "Refuse": {signalr.Refused}, "Fail": {signalr.Failed}, "Panic": {signalr.Panicked},
		"ByID": {signalr.Unbound}, "": {signalr.Unbound},
	}, f.observer.outcomes())
	require.Equal(t, []signalr.CloseReason{signalr.ClosedByClient}, f.observer.reasons())
	require.Equal(t, 1, f.observer.opened())
	require.Equal(t, 3, f.observer.messages()) // the handshake, the Close message, the close frame
}
