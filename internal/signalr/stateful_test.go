package signalr_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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

// peer is a client with stateful reconnect, which numbers and keeps messages as MessageBuffer.ts does.
type peer struct {
	t   *testing.T
	url string

	mu        sync.Mutex
	conn      net.Conn
	in        *bufio.Reader
	abandoned []net.Conn // left open: the server does not know that they are given up
	kept      []string   // sent and not acknowledged
	sent      int64

	next, latest int64
	awaiting     bool
	resumes      int
}

// negotiateStateful returns the URL of a connection that was negotiated with stateful reconnect.
func (f *fixture) negotiateStateful(t *testing.T) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/negotiate?access_token=user&negotiateVersion=1&useStatefulReconnect=true", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	var body struct {
		ConnectionToken      string
		UseStatefulReconnect bool
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
	require.True(t, body.UseStatefulReconnect)
	return f.url + "?access_token=user&id=" + body.ConnectionToken
}

func (f *fixture) connectStateful(t *testing.T) (*peer, *signalr.Conn) {
	t.Helper()
	p := &peer{t: t, url: f.negotiateStateful(t), next: 1}
	p.dial()
	p.write(`{"protocol":"json","version":2}`)
	require.Equal(t, "{}", p.read())
	t.Cleanup(func() {
		for _, c := range append(p.abandoned, p.conn) {
			_ = c.Close()
		}
	})
	return p, f.opened(t)
}

func (p *peer) dial() {
	p.t.Helper()
	conn, in, _, err := ws.Dial(p.t.Context(), strings.Replace(p.url, "http://", "ws://", 1))
	require.NoError(p.t, err)
	if in == nil {
		in = bufio.NewReader(conn)
	}
	p.conn, p.in = conn, in
}

func (p *peer) write(record string) {
	_ = ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewTextFrame([]byte(record+"\x1e")))) // what is lost is sent again
}

// send numbers and keeps the message.
func (p *peer) send(record string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	p.kept = append(p.kept, record)
	p.write(record)
}

// cut ends the WebSocket, or leaves it to the server to find out; sometimes in the middle of a frame.
func (p *peer) cut(r *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.IntN(3) {
	case 0:
		_ = p.conn.(*net.TCPConn).SetLinger(0)
		_ = p.conn.Close()
	case 1:
		frame, _ := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":1,"target":"Count","arguments":[-1]}` + "\x1e"))))
		_, _ = p.conn.Write(frame[:r.IntN(len(frame))])
		_ = p.conn.Close()
	default:
		_ = p.conn.SetReadDeadline(time.Unix(1, 0))
		p.abandoned = append(p.abandoned, p.conn)
	}
}

// resume connects again and sends what the server has not acknowledged.
func (p *peer) resume() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dial()
	p.resumes++
	p.awaiting = true
	p.write(fmt.Sprintf(`{"type":9,"sequenceId":%d}`, p.sent-int64(len(p.kept))+1))
	for _, record := range p.kept {
		p.write(record)
	}
}

// readFrame returns one record; the server writes one record a frame.
func (p *peer) readFrame() (string, error) {
	timer := time.AfterFunc(patience, func() { _ = p.conn.Close() })
	defer timer.Stop()
	h, err := ws.ReadHeader(p.in)
	if err != nil {
		return "", err
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(p.in, payload); err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(payload), "\x1e"), nil
}

func (p *peer) read() string {
	p.t.Helper()
	record, err := p.readFrame()
	require.NoError(p.t, err)
	return record
}

// readUntil reads what may come before record, such as an Ack, and record.
func (p *peer) readUntil(record string) {
	p.t.Helper()
	for {
		if p.read() == record {
			return
		}
	}
}

// receive returns the next message of the types that are numbered, once each, connecting again as often as it takes.
func (p *peer) receive() string {
	p.t.Helper()
	for {
		record, err := p.readFrame()
		if err != nil {
			p.resume()
			continue
		}
		var m struct {
			Type       int
			SequenceID int64
			Error      string
		}
		require.NoError(p.t, json.Unmarshal([]byte(record), &m), record)
		switch m.Type {
		case 9:
			require.LessOrEqual(p.t, m.SequenceID, p.next)
			p.next, p.awaiting = m.SequenceID, false
		case 8:
			p.mu.Lock()
			p.kept = p.kept[len(p.kept)-int(p.sent-m.SequenceID):]
			p.mu.Unlock()
		case 6:
		case 7:
			require.FailNow(p.t, "closed: "+m.Error)
		default:
			require.False(p.t, p.awaiting, "before the Sequence: %s", record)
			id := p.next
			p.next++
			if id <= p.latest {
				continue
			}
			p.latest = id
			if id%7 == 0 {
				p.mu.Lock()
				p.write(fmt.Sprintf(`{"type":8,"sequenceId":%d}`, id))
				p.mu.Unlock()
			}
			return record
		}
	}
}

// Whatever is cut, both sides have every message once and in order, the invocations in flight included.
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

// A client that does not acknowledge is sent ReconnectBytes, and goes on where it acknowledges.
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
	p.write(`{"type":8,"sequenceId":5}`)      // late: nothing
	p.write(`{"type":8,"sequenceId":999999}`) // more than was sent: that much
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

// A client is cut off while it repeats what was handled, is told by an Ack that it was, and goes on behind that.
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

// Before the Sequence nothing that the client says counts.
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

// An Ack may be lost with the WebSocket that it was written to: the client keeps what is never acknowledged.
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
		cfg.Authenticate = func(r *http.Request) (signalr.User, error) { return user{id: r.URL.Query().Get("access_token")}, nil }
	})
	serve(t, f, f.handler())
	p, _ := f.connectStateful(t)
	other := strings.Replace(p.url, "access_token=user", "access_token=other", 1)
	_, _, _, err := ws.Dial(t.Context(), strings.Replace(other, "http://", "ws://", 1))
	require.ErrorIs(t, err, ws.StatusError(http.StatusForbidden))
	p.send(`{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}`)
	require.JSONEq(t, nothingResult, p.receive())

	require.NoError(t, ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))))
	require.NoError(t, within(t, f.disconnected, "OnDisconnected"), "a goodbye is one")
	require.Eventually(t, func() bool {
		_, _, _, err = ws.Dial(t.Context(), strings.Replace(p.url, "http://", "ws://", 1))
		return err == ws.StatusError(http.StatusNotFound) //nolint:errorlint // it is a number
	}, patience, time.Millisecond)
}

// A close frame that something in between sent is not the client's goodbye.
func TestGoingAwayIsNotGoodbye(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p, conn := f.connectStateful(t)
	require.NoError(t, ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "")))))
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
		require.InDelta(b.t, signalr.DefaultDisconnectTimeout.Seconds(), time.Since(from).Seconds(), 1)
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
