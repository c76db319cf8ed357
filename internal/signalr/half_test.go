package signalr_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// half is a client of one connection over a half-transport that sends exactly what the test tells it to.
type half struct {
	t    *testing.T
	http *http.Client
	url  string // with the connection's token
	rest string // records received and not yet returned
}

// negotiated returns a half with a new token.
func (f *fixture) negotiated(t *testing.T, client *http.Client) *half {
	t.Helper()
	return f.negotiatedWith(t, client, "")
}

func (f *fixture) negotiatedWith(t *testing.T, client *http.Client, query string) *half {
	t.Helper()
	h := &half{t: t, http: client}
	h.url = f.url + "?access_token=user&id=" + f.issueWith(t, query)
	return h
}

// ownClient returns a client whose connections end with the test.
func ownClient(t *testing.T) *http.Client {
	t.Helper()
	pool := &http.Transport{}
	t.Cleanup(pool.CloseIdleConnections)
	return &http.Client{Transport: pool}
}

// request sends a request and returns the response with its body unread. Headers are pairs of names and values.
func (h *half) request(ctx context.Context, method string, body io.Reader, headers ...string) (*http.Response, error) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, h.url, body)
	require.NoError(h.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return h.http.Do(r)
}

// do sends a request and returns the whole answer.
func (h *half) do(method, body string, headers ...string) answer {
	h.t.Helper()
	a, err := h.try(h.t.Context(), method, body, headers...)
	require.NoError(h.t, err)
	return a
}

func (h *half) try(ctx context.Context, method, body string, headers ...string) (answer, error) {
	h.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	response, err := h.request(ctx, method, content, headers...)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: string(text)}, err
}

// send sends each record in a request of its own.
func (h *half) send(records ...string) {
	h.t.Helper()
	for _, r := range records {
		a := h.do(http.MethodPost, r+"\x1e")
		require.Equal(h.t, http.StatusOK, a.status, "%s: %s", r, a.body)
	}
}

func (h *half) cut() (string, bool) {
	record, rest, ok := strings.Cut(h.rest, "\x1e")
	if ok {
		h.rest = rest
	}
	return record, ok
}

// poller is a client over long polling.
type poller struct{ *half }

// poller connects without a handshake.
func (f *fixture) poller(t *testing.T) *poller {
	t.Helper()
	return f.negotiated(t, ownClient(t)).poller()
}

func (h *half) poller() *poller {
	h.t.Helper()
	p := &poller{h}
	require.Equal(h.t, http.StatusOK, p.poll().status)
	h.t.Cleanup(func() { // the server waits for a client that leaves without a word
		_, _ = h.try(context.Background(), http.MethodDelete, "")
	})
	return p
}

func (p *poller) poll() answer {
	p.t.Helper()
	return p.do(http.MethodGet, "")
}

// receive returns the next record.
func (p *poller) receive() string {
	p.t.Helper()
	for {
		if record, ok := p.cut(); ok {
			return record
		}
		a := p.poll()
		require.Equal(p.t, http.StatusOK, a.status)
		p.rest += a.body
	}
}

func (p *poller) expect(records ...string) {
	p.t.Helper()
	for _, r := range records {
		require.Equal(p.t, r, p.receive())
	}
}

func (p *poller) expectEnd() {
	p.t.Helper()
	require.Empty(p.t, p.rest)
	require.Equal(p.t, http.StatusNoContent, p.poll().status)
}

// stream is a client over server-sent events.
type stream struct {
	*half
	response *http.Response
	in       *bufio.Reader
	leave    context.CancelFunc
}

// stream connects without a handshake.
func (f *fixture) stream(t *testing.T) *stream {
	t.Helper()
	return f.negotiated(t, ownClient(t)).stream()
}

func (h *half) stream() *stream {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	response, err := h.request(ctx, http.MethodGet, nil, "Accept", "text/event-stream")
	require.NoError(h.t, err)
	h.t.Cleanup(func() { cancel(); _ = response.Body.Close() })
	require.Equal(h.t, http.StatusOK, response.StatusCode)
	s := &stream{half: h, response: response, in: bufio.NewReader(response.Body), leave: cancel}
	comment, err := s.in.ReadString('\n')
	require.NoError(h.t, err)
	require.Equal(h.t, ":\r\n", comment)
	return s
}

// event returns the data of the next event, as an EventSource does.
func (s *stream) event() (string, error) {
	var lines []string
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line = strings.TrimSuffix(line, "\r\n"); line == "" {
			return strings.Join(lines, "\n"), nil
		}
		data, ok := strings.CutPrefix(line, "data: ")
		require.True(s.t, ok, "%q", line)
		lines = append(lines, data)
	}
}

func (s *stream) receive() string {
	s.t.Helper()
	for {
		if record, ok := s.cut(); ok {
			return record
		}
		data, err := s.event()
		require.NoError(s.t, err)
		s.rest += data
	}
}

func (s *stream) expect(records ...string) {
	s.t.Helper()
	for _, r := range records {
		require.Equal(s.t, r, s.receive())
	}
}

func (s *stream) expectEnd() {
	s.t.Helper()
	require.Empty(s.t, s.rest)
	_, err := s.event()
	require.ErrorIs(s.t, err, io.EOF)
}

// overEach runs a test over both half-transports, on real sockets.
func overEach(t *testing.T, test func(*testing.T, *fixture, talker)) {
	t.Helper()
	t.Run("ServerSentEvents", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		test(t, f, f.stream(t))
	})
	t.Run("LongPolling", func(t *testing.T) {
		t.Parallel()
		f := setup(t)
		test(t, f, f.poller(t))
	})
}

// overEachInBubble is overEach with synctest's clock, and over both versions of HTTP.
func overEachInBubble(t *testing.T, test func(*bubble, talker), configure ...func(*signalr.Config)) {
	t.Helper()
	t.Run("ServerSentEvents", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) { test(b, b.negotiated(b.t, b.client).stream()) }, configure...)
	})
	t.Run("ServerSentEvents over HTTP2", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) { test(b, b.negotiated(b.t, b.client2).stream()) }, configure...)
	})
	t.Run("LongPolling", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) { test(b, b.negotiated(b.t, b.client).poller()) }, configure...)
	})
	t.Run("LongPolling over HTTP2", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) { test(b, b.negotiated(b.t, b.client2).poller()) }, configure...)
	})
}

// greet shakes hands.
func greet(t *testing.T, f *fixture, c talker) *signalr.Conn {
	t.Helper()
	c.send(strings.TrimSuffix(handshake, "\x1e"))
	c.expect(`{}`)
	conn := within(t, f.conns, "OnConnected")
	require.NoError(t, conn.WaitQueue(t.Context(), 1)) // the greeting counts until its writer knows that it is written
	return conn
}

// soon is how often a test looks for what is about to happen.
const soon = time.Millisecond

// direct sends a request without a network, and returns its status.
func (f *fixture) direct(method, token, body string) int {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(context.Background(), method, "/hub?access_token=user&id="+token,
		strings.NewReader(body))
	f.handler().ServeHTTP(w, r)
	return w.Code
}
