package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

// fresh is a connection of a client that speaks HTTP as the .NET 11 client does: it negotiates, sends every request
// with its present token in Authorization, and replaces the token at half of its lifetime.
type fresh struct {
	t       *testing.T
	hub     string // the hub's URL
	subject string
	ttl     time.Duration
	http    *http.Client
	ctx     context.Context
	leave   context.CancelFunc
	running sync.WaitGroup

	bearer    atomic.Pointer[string]
	ends      time.Time // when the present token ends
	lifetime  time.Duration
	due       time.Time // when the next refresh is due
	token     string    // the connection's token
	id        string
	refreshes int
	late      atomic.Bool // this client itself was too late: the machine was too busy
	lost      chan error  // why the transport ended
	sequences chan int64  // of the events

	mu     sync.Mutex
	socket net.Conn // of WebSockets
	place  int64    // the id of the last numbered message
	got    int64    // the highest id received
}

// openFresh negotiates a connection and resumes the order from its beginning, over the named transport.
func openFresh(t *testing.T, s *server, transport string, o order, ttl time.Duration) *fresh {
	t.Helper()
	pool := &http.Transport{}
	t.Cleanup(pool.CloseIdleConnections)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	c := &fresh{
		t: t, hub: s.url + customerHub, subject: o.customer, ttl: ttl, http: &http.Client{Transport: pool}, ctx: ctx,
		leave: cancel,
		lost:  make(chan error, 10), sequences: make(chan int64, 100_000),
	}
	t.Cleanup(c.close)
	c.renew()
	query := ""
	if transport == "stateful" {
		query = "&useStatefulReconnect=true"
	}
	var negotiated struct {
		ConnectionToken, ConnectionID string
		TokenLifetimeSeconds          *int32
		UseStatefulReconnect          bool
	}
	require.Equal(t, http.StatusOK, c.ask(http.MethodPost, "/negotiate?negotiateVersion=1"+query, "", &negotiated))
	require.NotNil(t, negotiated.TokenLifetimeSeconds)
	require.Equal(t, query != "", negotiated.UseStatefulReconnect)
	c.token, c.id, c.lifetime = negotiated.ConnectionToken, negotiated.ConnectionID,
		time.Duration(*negotiated.TokenLifetimeSeconds)*time.Second
	c.due = time.Now().Add(c.lifetime / 2)
	version := 1
	switch transport {
	case "WebSockets":
		c.dial("")
	case "stateful":
		version = 2
		c.dial("")
	case "ServerSentEvents":
		c.stream()
	case "LongPolling":
		require.Equal(t, http.StatusOK, c.ask(http.MethodGet, "?id="+c.token, "", nil))
		c.running.Go(c.poll)
	}
	c.send(fmt.Sprintf(`{"protocol":"json","version":%d}`, version))
	c.send(fmt.Sprintf(`{"type":1,"invocationId":"1","target":"ResumeOrder","arguments":["%s","%s"]}`, o.id, uuid.Nil))
	return c
}

func (c *fresh) close() {
	c.leave()
	c.mu.Lock()
	if c.socket != nil {
		_ = c.socket.Close()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// renew mints the next token.
func (c *fresh) renew() {
	c.t.Helper()
	c.ends = time.Now().Add(c.ttl).Truncate(time.Second)
	token := mint(c.t, auth.Grant{Subject: c.subject, TTL: c.ttl})
	c.bearer.Store(&token)
}

func (c *fresh) request(method, path, body string, headers ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(c.ctx, method, c.hub+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+*c.bearer.Load())
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return c.http.Do(r)
}

// ask sends a request and reads its answer into v.
func (c *fresh) ask(method, path, body string, v any, headers ...string) int {
	c.t.Helper()
	response, err := c.request(method, path, body, headers...)
	require.NoError(c.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	if v != nil {
		require.NoError(c.t, json.Unmarshal(raw, v), string(raw))
	}
	return response.StatusCode
}

// refresh sends the request of the .NET 11 client: no body, the new token as in every request, the connection's
// token in a header of its own.
func (c *fresh) refresh() {
	c.t.Helper()
	was := c.ends
	c.renew()
	var answer struct {
		ConnectionID         string
		RefreshedAt          time.Time
		TokenLifetimeSeconds *int32
	}
	status := c.ask(http.MethodPost, "/refresh", "", &answer, "X-SignalR-Connection-Token", c.token)
	if status != http.StatusOK && !time.Now().Before(was) {
		c.late.Store(true)
		return
	}
	require.Equal(c.t, http.StatusOK, status)
	require.Equal(c.t, c.id, answer.ConnectionID)
	require.NotNil(c.t, answer.TokenLifetimeSeconds)
	c.lifetime = time.Duration(*answer.TokenLifetimeSeconds) * time.Second
	c.due = time.Now().Add(c.lifetime / 2)
	c.refreshes++
}

func (c *fresh) send(record string) {
	c.t.Helper()
	c.mu.Lock()
	socket := c.socket
	c.mu.Unlock()
	if socket == nil {
		require.Equal(c.t, http.StatusOK, c.ask(http.MethodPost, "?id="+c.token, record+"\x1e", nil))
		return
	}
	require.NoError(c.t, wsutil.WriteClientText(socket, []byte(record+"\x1e")))
}

// dial opens a WebSocket, and then sends first, the first message of a client that comes back.
func (c *fresh) dial(first string) {
	c.t.Helper()
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + *c.bearer.Load()}}}
	conn, in, _, err := d.Dial(c.ctx, strings.Replace(c.hub, "http", "ws", 1)+"?id="+c.token)
	require.NoError(c.t, err)
	if in == nil {
		in = bufio.NewReader(conn)
	}
	c.mu.Lock()
	c.socket = conn
	c.mu.Unlock()
	if first != "" {
		c.send(first)
	}
	c.running.Go(func() {
		for {
			text, err := wsutil.ReadServerText(struct {
				io.Reader
				io.Writer
			}{in, conn})
			if err != nil {
				c.mu.Lock()
				current := c.socket == conn
				c.mu.Unlock()
				if current {
					c.lost <- err
				}
				return
			}
			c.receive(text)
		}
	})
}

// comeBack cuts the WebSocket and opens another for the same connection: its one invocation was answered long ago.
func (c *fresh) comeBack() {
	c.t.Helper()
	c.mu.Lock()
	old := c.socket
	c.socket = nil
	c.mu.Unlock()
	require.NoError(c.t, old.Close())
	c.dial(`{"type":9,"sequenceId":2}`)
}

func (c *fresh) stream() {
	c.t.Helper()
	response, err := c.request(http.MethodGet, "?id="+c.token, "", "Accept", "text/event-stream")
	require.NoError(c.t, err)
	require.Equal(c.t, http.StatusOK, response.StatusCode)
	c.running.Go(func() {
		defer response.Body.Close()
		in := bufio.NewReader(response.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				c.lost <- err
				return
			}
			if data, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "data: "); ok {
				c.receive([]byte(data))
			}
		}
	})
}

func (c *fresh) poll() {
	for {
		response, err := c.request(http.MethodGet, "?id="+c.token, "")
		if err != nil {
			c.lost <- err
			return
		}
		raw, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			c.lost <- fmt.Errorf("a poll is answered with %d: %w", response.StatusCode, err)
			return
		}
		c.receive(raw)
	}
}

// receive reads the sequences from received data.
func (c *fresh) receive(raw []byte) {
	for record := range strings.SplitSeq(string(raw), "\x1e") {
		var m struct {
			Type       int
			SequenceID int64
			Error      string
			Arguments  []struct{ Sequence int64 }
		}
		if json.Unmarshal([]byte(record), &m) != nil {
			continue
		}
		if !c.isNew(m.Type, m.SequenceID) {
			continue
		}
		switch {
		case m.Type == 7:
			c.lost <- fmt.Errorf("the server closes the connection: %s", m.Error)
		case m.Type == 1 && len(m.Arguments) == 1:
			c.sequences <- m.Arguments[0].Sequence
		}
	}
}

// isNew says whether a message is new: the server may have sent it before on another WebSocket.
func (c *fresh) isNew(kind int, sequence int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kind == 9 {
		c.place = sequence - 1
	}
	if kind < 1 || kind > 5 {
		return true
	}
	c.place++
	if c.place <= c.got {
		return false
	}
	c.got = c.place
	return true
}

// acknowledge lets the server forget received messages, as a client with stateful reconnect does every second.
func (c *fresh) acknowledge() {
	c.t.Helper()
	c.mu.Lock()
	got := c.got
	c.mu.Unlock()
	c.send(fmt.Sprintf(`{"type":8,"sequenceId":%d}`, got))
}
