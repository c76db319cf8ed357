package hostile_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/peers"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// tap is between a node and the nodes that speak to it, and records their traffic.
type tap struct {
	net.Listener

	mu   sync.Mutex
	to   string
	read []*bytes.Buffer // by connection
	open sync.WaitGroup
}

func newTap(t *testing.T) *tap {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &tap{Listener: l}
	p.open.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			p.open.Go(func() { p.carry(in) })
		}
	})
	return p
}

func (p *tap) carry(in net.Conn) {
	defer in.Close()
	p.mu.Lock()
	to, heard := p.to, &bytes.Buffer{}
	p.read = append(p.read, heard)
	p.mu.Unlock()
	out, err := net.Dial("tcp", to) //nolint:noctx // on this machine: answered at once
	if err != nil {
		return
	}
	defer out.Close()
	p.open.Go(func() {
		_, _ = io.Copy(in, out)
		_ = in.Close()
	})
	buffer := make([]byte, 4096)
	for {
		n, err := in.Read(buffer)
		p.mu.Lock()
		heard.Write(buffer[:n])
		p.mu.Unlock()
		if n > 0 {
			_, _ = out.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

// heard returns a request that a node has sent through the tap.
func (p *tap) heard(t *testing.T) string {
	t.Helper()
	var request string
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, heard := range p.read {
			before, _, found := strings.Cut(heard.String(), "\r\n\r\n")
			if found {
				request = before + "\r\n\r\n"
			}
		}
		return request != ""
	}, patience, 10*time.Millisecond)
	return request
}

// present sends a request unchanged, and returns the status and the reason.
func present(t *testing.T, url, request string) (int, string) {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("X-Herald-Node-Refused")
}

// The entrance for other nodes accepts a request that a node of the same database has signed for this one, once,
// and nothing else. It refuses users' and administrators' tokens, connection tokens, and everything that was read
// between two nodes.
//
// Acceptance: A-478.
func TestTheEntranceForNodesIsClosedToAllButThem(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	between := newTap(t)
	t.Cleanup(func() {
		_ = between.Close()
		between.open.Wait()
	})
	var log lines
	owner := node(t, db, func(c *app.Config) {
		c.Server.NodeURL = "http://" + between.Addr().String()
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	between.mu.Lock()
	between.to = strings.TrimPrefix(owner.URL, "http://")
	between.mu.Unlock()
	other := node(t, db, nil)
	entrance := owner.URL + peers.Path

	// The tokens of users and administrators.
	status, body, _ := ask(t, http.MethodPost, owner.URL+event.CustomerOrdersPath+"/negotiate?negotiateVersion=1",
		token(t, "alice"))
	require.Equal(t, http.StatusOK, status)
	var negotiated struct{ ConnectionToken string }
	require.NoError(t, json.Unmarshal([]byte(body), &negotiated))
	for _, path := range []string{
		"", "/", "/ping", event.CustomerOrdersPath + "?id=" + negotiated.ConnectionToken,
		event.AdminPath + "/negotiate?negotiateVersion=1",
		event.AdminPath + "?access_token=" + token(t, "boss"), "/api/admin/realtime/alert",
		"/healthz", "/metrics", "/..%2fapi",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodOptions} {
			status, body, header := ask(t, method, entrance+path, token(t, "boss"))
			require.Equal(t, http.StatusUnauthorized, status, "%s %s", method, path)
			require.Equal(t, "for nodes only", body)
			require.Empty(t, header.Get("Access-Control-Allow-Origin"))
		}
	}
	// The same as the header.
	for _, ticket := range []string{
		token(t, "boss"), negotiated.ConnectionToken, strings.Repeat("a", 30_000), "v=1&mac=" + strings.Repeat("A", 43),
	} {
		status, reason := present(t, owner.URL,
			"GET "+peers.Path+"/ping HTTP/1.1\r\nHost: x\r\nX-Herald-Node: "+ticket+"\r\n\r\n")
		require.Equal(t, http.StatusUnauthorized, status)
		require.Equal(t, "unsigned", reason)
	}

	// Requests read between two nodes.
	request := between.heard(t)
	require.Contains(t, request, "X-Herald-Node: ")
	for _, theft := range []struct {
		to, request, reason string
		status              int
	}{
		{owner.URL, request, "replayed", http.StatusUnauthorized},
		{other.URL, request, "other_node", http.StatusMisdirectedRequest},
		{owner.URL, strings.Replace(request, "/ping", event.AdminPath, 1), "signature", http.StatusUnauthorized},
		{
			owner.URL, strings.Replace(request, "\r\n\r\n", "\r\nAuthorization: Bearer "+token(t, "boss")+"\r\n\r\n", 1),
			"signature", http.StatusUnauthorized,
		},
		{owner.URL, strings.Replace(request, "&n=", "&n=1", 1), "signature", http.StatusUnauthorized},
	} {
		status, reason := present(t, theft.to, theft.request)
		require.Equal(t, theft.status, status, theft.request)
		require.Equal(t, theft.reason, reason)
	}
	require.NotContains(t, log.String(), "X-Herald-Node: ", "the log holds nothing that opens anything")

	// The nodes are not affected.
	for _, url := range []string{owner.URL, other.URL} {
		require.Eventually(t, func() bool {
			_, text, _ := ask(t, http.MethodGet, url+"/metrics", "")
			return strings.Contains(text, "\nherald_peers_unreachable 0\n") && strings.Contains(text, "herald_peer_reachable{")
		}, patience, 50*time.Millisecond)
	}
}
