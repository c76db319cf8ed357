package signalr_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
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
	abandoned []net.Conn // left open: the server does not know that the client has given them up
	kept      []string   // sent and not acknowledged
	sent      int64

	next, latest int64
	awaiting     bool
	resumes      int
}

// negotiateStateful returns the URL of a connection that was negotiated with stateful reconnect.
func (f *fixture) negotiateStateful(t *testing.T) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		f.url+"/negotiate?access_token=user&negotiateVersion=1&useStatefulReconnect=true", nil)
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
	_ = ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewTextFrame([]byte(record+"\x1e")))) // a lost message is sent again
}

// send numbers and keeps the message.
func (p *peer) send(record string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	p.kept = append(p.kept, record)
	p.write(record)
}

// cut ends the WebSocket, or leaves it for the server to find out; sometimes in the middle of a frame.
func (p *peer) cut(r *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.IntN(3) {
	case 0:
		_ = p.conn.(*net.TCPConn).SetLinger(0)
		_ = p.conn.Close()
	case 1:
		frame, _ := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":1,"target":"Count","arguments":[-1]}` +
			"\x1e"))))
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

// readUntil reads up to record; other records, such as an Ack, may come before it.
func (p *peer) readUntil(record string) {
	p.t.Helper()
	for {
		if p.read() == record {
			return
		}
	}
}

// receive returns the next numbered message, each once, and connects again as often as it takes.
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
