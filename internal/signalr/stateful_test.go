package signalr_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// Wherever WebSockets are cut, both sides have every message once and in order, the invocations in flight included.
//
// Acceptance: A-173.
func TestStatefulReconnect(t *testing.T) {
	t.Parallel()
	const each, cuts = 5_000, 40
	f := newFixture(t)
	var counted []int // the invocations that ran, in order: they run one after another
	signalr.Method1(f.hub, "Count", func(_ context.Context, _ *signalr.Call, i int) (any, error) {
		counted = append(counted, i)
		return i, nil
	})
	serve(t, f, f.handler())
	p, conn := f.connectStateful(t)

	var group sync.WaitGroup
	group.Go(func() {
		for i := range each {
			send := (*signalr.Conn).Send
			if i%3 > 0 {
				send = queueAndFlush
			}
			if conn.WaitQueue(t.Context(), 256<<10) != nil || send(conn, message("M", strconv.Itoa(i))) != nil {
				t.Errorf("message %d could not be sent", i)
				return
			}
		}
	})
	group.Go(func() {
		for i := range each {
			p.send(fmt.Sprintf(`{"type":1,"invocationId":"%d","target":"Count","arguments":[%d]}`, i, i))
		}
	})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	cutAt := make(map[int]bool)
	for len(cutAt) < cuts {
		cutAt[random.IntN(2*each)] = true
	}
	messages, completions := 0, 0
	for n := range 2 * each {
		if cutAt[n] {
			p.cut(random)
		}
		record := p.receive()
		var i int
		if _, err := fmt.Sscanf(record, `{"type":1,"target":"M","arguments":[%d]}`, &i); err == nil {
			require.Equal(t, messages, i)
			messages++
			continue
		}
		require.JSONEq(t, fmt.Sprintf(`{"type":3,"invocationId":"%d","result":%d}`, completions, completions), record)
		completions++
	}
	group.Wait()
	require.Equal(t, each, messages)
	require.Equal(t, each, completions)
	require.Len(t, counted, each)
	for i, got := range counted {
		require.Equal(t, i, got)
	}
	require.NotZero(t, p.resumes)
	require.Empty(t, f.conns, "the hub sees one connection")
	require.Empty(t, f.disconnected)
}

// A client that does not acknowledge is sent ReconnectBytes, and more when it acknowledges.
func TestUnacknowledged(t *testing.T) {
	t.Parallel()
	m := message("M", `"`+strings.Repeat("x", 1000)+`"`)
	f := setup(t, func(cfg *signalr.Config) { cfg.ReconnectBytes = 10 * m.Size() })
	p, conn := f.connectStateful(t)
	for range 30 {
		require.NoError(t, conn.Send(m))
	}
	p.send(`{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}`)
	for range 10 {
		require.Contains(t, p.read(), `"target":"M"`)
	}
	require.JSONEq(t, `{"type":8,"sequenceId":1}`, p.read(), "an Ack does not wait behind what does")
	waiting := 20*m.Size() + len(nothingFrame)
	require.Eventually(t, func() bool { return conn.QueuedBytes() == waiting }, patience, time.Millisecond)
	p.write(`{"type":8,"sequenceId":10}`)
	for range 10 {
		require.Contains(t, p.read(), `"target":"M"`)
	}
	p.write(`{"type":8,"sequenceId":5}`) // late: it changes nothing
	p.write(`{"type":8,"sequenceId":20}`)
	for range 10 {
		require.Contains(t, p.read(), `"target":"M"`)
	}
	p.write(`{"type":8,"sequenceId":21}`)
	require.JSONEq(t, nothingResult, p.read())
	for range 5 {
		require.NoError(t, conn.Send(m))
	}
	conn.Close("", false)
	for range 5 {
		require.Contains(t, p.read(), `"target":"M"`, "at the end everything goes out")
	}
	require.JSONEq(t, `{"type":7}`, p.read())
}

// nothingFrame is as long as a frame of nothingResult.
const nothingFrame = "\x81\x00" + nothingResult + "\x1e"

func TestSequenceTooHigh(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p, _ := f.connectStateful(t)
	p.write(`{"type":9,"sequenceId":2}`)
	require.JSONEq(t, closedWithError, p.read())
	within(t, f.disconnected, "OnDisconnected")
}

// A client is cut off while it repeats handled messages, is told by an Ack that they were handled, and goes on behind
// them.
func TestCutWhileRepeating(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p, _ := f.connectStateful(t)
	for range 3 {
		p.write(`{"type":1,"target":"Nothing","arguments":[]}`)
	}
	p.readUntil(`{"type":8,"sequenceId":3}`)
	require.NoError(t, p.conn.Close())
	p.dial()
	require.JSONEq(t, `{"type":9,"sequenceId":1}`, p.read())
	p.write(`{"type":9,"sequenceId":1}`)
	p.write(`{"type":1,"target":"Nothing","arguments":[]}`)
	p.readUntil(`{"type":8,"sequenceId":3}`)
	require.NoError(t, p.conn.Close())
	p.dial()
	require.JSONEq(t, `{"type":9,"sequenceId":1}`, p.read())
	p.write(`{"type":9,"sequenceId":4}`)
	p.write(`{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}`)
	p.readUntil(nothingResult)
}

// Before the Sequence all messages of the client are ignored.
func TestBeforeTheSequence(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p, _ := f.connectStateful(t)
	require.NoError(t, p.conn.Close())
	p.dial()
	require.JSONEq(t, `{"type":9,"sequenceId":1}`, p.read())
	p.write(`{"type":1,"invocationId":"early","target":"Nothing","arguments":[]}`)
	p.write(`{"type":7}`)
	p.write(`{"type":9,"sequenceId":1}`)
	p.write(`{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}`)
	require.JSONEq(t, nothingResult, p.read())
	require.JSONEq(t, `{"type":8,"sequenceId":1}`, p.read())
}

// An Ack may be lost with its WebSocket, and the client keeps what is never acknowledged. So the Ack is repeated.
func TestAckIsRepeated(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p, _ := f.connectStateful(t)
	p.send(`{"type":1,"target":"Nothing","arguments":[]}`)
	for range 2 {
		require.JSONEq(t, `{"type":8,"sequenceId":1}`, p.read())
		require.NoError(t, p.conn.Close())
		p.resume()
		require.JSONEq(t, `{"type":9,"sequenceId":1}`, p.read())
	}
}

func TestWhoMayResume(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(cfg *signalr.Config) {
		cfg.Authenticate = func(r *http.Request) (signalr.User, error) {
			return user{id: r.URL.Query().Get("access_token")}, nil
		}
	})
	serve(t, f, f.handler())
	p, _ := f.connectStateful(t)
	other := strings.Replace(p.url, "access_token=user", "access_token=other", 1)
	_, _, _, err := ws.Dial(t.Context(), strings.Replace(other, "http://", "ws://", 1))
	require.ErrorIs(t, err, ws.StatusError(http.StatusForbidden))
	p.send(`{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}`)
	require.JSONEq(t, nothingResult, p.receive())

	require.NoError(t,
		ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))))
	require.NoError(t, within(t, f.disconnected, "OnDisconnected"), "a goodbye is one")
	require.Eventually(t, func() bool {
		_, _, _, err = ws.Dial(t.Context(), strings.Replace(p.url, "http://", "ws://", 1))
		return err == ws.StatusError(http.StatusNotFound) //nolint:errorlint // it is a number
	}, patience, time.Millisecond)
}

// A close frame from a proxy in between is not the client's goodbye.
func TestGoingAwayIsNotGoodbye(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p, conn := f.connectStateful(t)
	require.NoError(t,
		ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "")))))
	_, err := p.in.ReadByte()
	require.Error(t, err, "the server has closed the socket")
	require.NoError(t, conn.Send(message("M", "1")))
	require.JSONEq(t, `{"type":1,"target":"M","arguments":[1]}`, p.receive())
}

func TestClientThatDoesNotComeBack(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dialStateful()
		conn := b.opened(b.t)
		from := time.Now()
		require.NoError(b.t, c.conn.Close())
		require.NoError(b.t, conn.WaitQueue(b.t.Context(), 1))
		require.NoError(b.t, conn.Send(message("M", "1")))
		require.Error(b.t, <-b.disconnected)
		require.InDelta(b.t, signalr.DefaultSettings().DisconnectTimeout.Seconds(), time.Since(from).Seconds(), 1)
		require.ErrorIs(b.t, conn.Send(message("M", "2")), signalr.ErrClosed)
	})
}

// The server does not wait for clients that are away.
func TestShutdownWhileAway(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		c := b.dialStateful()
		b.opened(b.t)
		require.NoError(b.t, c.conn.Close())
		from := time.Now()
		require.NoError(b.t, b.Shutdown(b.t.Context()))
		require.Less(b.t, time.Since(from), time.Second)
		require.NoError(b.t, <-b.disconnected)
	})
}

// dialStateful connects with stateful reconnect.
func (b *bubble) dialStateful() *client {
	token := b.issueWith(b.t, "&useStatefulReconnect=true")
	c := b.dialToken(token)
	c.send(`{"protocol":"json","version":2}`)
	c.expect(`{}`)
	return c
}
