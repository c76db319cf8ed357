package crowd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

const (
	// memberTimeout bounds each wait of a member.
	memberTimeout = time.Minute
	// memberBuffer is the size of a member's read buffer.
	memberBuffer = 1 << 10

	recordSeparator = 0x1e
	hello           = `{"protocol":"json","version":1}` + "\x1e"
	welcome         = "{}\x1e"
)

// member is one client of the members' process: a WebSocket and the JSON protocol, with as little work as possible.
type member struct {
	client
	conn    net.Conn
	in      *bufio.Reader
	payload []byte // of the last frame
	unread  []byte // the payload's unread rest
	writing sync.Mutex
}

// dial opens a member's connection and does the handshake. An echo of the handshake counts as consent, so that the
// baselines get the same clients.
func dial(ctx context.Context, o openOrder, who client) (*member, error) {
	query := url.Values{"access_token": {who.Token}}
	if o.Negotiate {
		token, err := negotiate(ctx, o.URL, who.Token)
		if err != nil {
			return nil, err
		}
		query.Set("id", token)
	}
	dialer := ws.Dialer{Timeout: memberTimeout}
	// Without the context's end, which would cost each connection a goroutine: at its end this process ends.
	conn, in, _, err := dialer.Dial(
		context.WithoutCancel(ctx), strings.Replace(o.URL, "http", "ws", 1)+"?"+query.Encode(),
	)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", o.URL, err)
	}
	if in == nil {
		in = bufio.NewReaderSize(conn, memberBuffer)
	}
	m := &member{client: who, conn: conn, in: in}
	if err := m.shakeHands(); err != nil {
		m.drop()
		return nil, err
	}
	return m, nil
}

// negotiate asks for a connection token on a connection of its own, as a browser does, and then drops that
// connection.
func negotiate(ctx context.Context, address, token string) (string, error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("negotiating at %s: %w", address, err) }
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/negotiate?negotiateVersion=1", nil)
	if err != nil {
		return fail(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	dialer := net.Dialer{Timeout: memberTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", request.URL.Host)
	if err != nil {
		return fail(err)
	}
	defer drop(conn)
	if err := conn.SetDeadline(time.Now().Add(memberTimeout)); err != nil {
		return fail(err)
	}
	if err := request.Write(conn); err != nil {
		return fail(err)
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, memberBuffer), request)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fail(errors.New(response.Status))
	}
	var answer struct {
		ConnectionToken string `json:"connectionToken"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fail(err)
	}
	return answer.ConnectionToken, nil
}

func (m *member) shakeHands() error {
	if err := m.expectWithin(memberTimeout); err != nil {
		return err
	}
	if err := m.send([]byte(hello)); err != nil {
		return err
	}
	payload, err := m.next()
	if err != nil {
		return fmt.Errorf("shaking hands: %w", err)
	}
	if text := string(payload); text != welcome && text != hello {
		return fmt.Errorf("shaking hands: the server answers %q", text)
	}
	return nil
}

// expectWithin sets a deadline for all reads and writes from now on.
func (m *member) expectWithin(d time.Duration) error {
	if err := m.conn.SetDeadline(time.Now().Add(d)); err != nil {
		return fmt.Errorf("setting a deadline: %w", err)
	}
	return nil
}

// waitForEver removes the deadline.
func (m *member) waitForEver() error {
	if err := m.conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("setting a deadline: %w", err)
	}
	return nil
}

// send sends text as one message.
func (m *member) send(text []byte) error { return m.write(maskedFrame(text)) }

func (m *member) write(frame []byte) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	if _, err := m.conn.Write(frame); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// maskedFrame is text as a client sends it.
func maskedFrame(text []byte) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(text))) // fails only if a buffer in memory fails
}

// plainFrame is text as a server sends it.
func plainFrame(text []byte) []byte { return ws.MustCompileFrame(ws.NewTextFrame(text)) }

// next returns the payload of the next frame, which is valid until the next call.
func (m *member) next() ([]byte, error) {
	for {
		h, err := ws.ReadHeader(m.in)
		if err != nil {
			return nil, fmt.Errorf("reading: %w", err)
		}
		if int64(cap(m.payload)) < h.Length {
			m.payload = make([]byte, h.Length)
		}
		m.payload = m.payload[:h.Length]
		if _, err := io.ReadFull(m.in, m.payload); err != nil {
			return nil, fmt.Errorf("reading: %w", err)
		}
		if h.OpCode == ws.OpClose {
			status, reason := ws.ParseCloseFrameData(m.payload)
			return nil, fmt.Errorf("the server has closed the connection: %d %s", status, reason)
		}
		if h.OpCode.IsData() {
			return m.payload, nil
		}
	}
}

// hubMessage holds the fields that members read.
type hubMessage struct {
	Type         int               `json:"type"`
	InvocationID string            `json:"invocationId"`
	Target       string            `json:"target"`
	Arguments    []json.RawMessage `json:"arguments"`
	Result       json.RawMessage   `json:"result"`
	Error        string            `json:"error"`
}

// Types of hub messages.
const (
	typeInvocation = 1
	typeCompletion = 3
	typePing       = 6
	typeClose      = 7
)

// message returns the next message that is not a ping.
func (m *member) message() (hubMessage, error) {
	for {
		if len(m.unread) == 0 {
			payload, err := m.next()
			if err != nil {
				return hubMessage{}, err
			}
			m.unread = payload
		}
		record, rest, ok := bytes.Cut(m.unread, []byte{recordSeparator})
		m.unread = rest
		var message hubMessage
		if err := json.Unmarshal(record, &message); err != nil || !ok {
			return hubMessage{}, fmt.Errorf("the server sends %q, which is not a message", record)
		}
		switch message.Type {
		case typePing:
		case typeClose:
			return hubMessage{}, fmt.Errorf("the server has closed the connection: %s", message.Error)
		default:
			return message, nil
		}
	}
}

// invoke calls a method with ready-made arguments and returns its result. No other call may be in progress.
func (m *member) invoke(method, arguments string) (json.RawMessage, error) {
	if err := m.expectWithin(memberTimeout); err != nil {
		return nil, err
	}
	if err := m.send(invocation("1", method, arguments)); err != nil {
		return nil, err
	}
	for {
		message, err := m.message()
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", method, err)
		case message.Type != typeCompletion:
			continue
		case message.Error != "":
			return nil, fmt.Errorf("%s: %s", method, message.Error)
		default:
			return message.Result, m.waitForEver()
		}
	}
}

// invocation is a call of a server's method; arguments are the elements of a JSON array.
func invocation(id, method, arguments string) []byte {
	return fmt.Appendf(nil, `{"type":1,"invocationId":%q,"target":%q,"arguments":[%s]}`+"\x1e", id, method, arguments)
}

// drop ends the connection as a failing network does.
func (m *member) drop() { drop(m.conn) }

// drop resets a connection, so that its port is free at once, after any number of connections.
func drop(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // on failure it ends in order
	}
	_ = conn.Close()
}
