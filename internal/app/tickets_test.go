package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// several are nodes of one database, and a client that may send each request to any of them.
type several struct {
	t      *testing.T
	pool   *pgxpool.Pool
	urls   []string
	stops  []func() <-chan error
	bearer string
}

func startSeveral(t *testing.T, db *pgtest.Database, count int) *several {
	t.Helper()
	s := &several{t: t, pool: db.Pool(t)}
	for range count {
		s.start(db)
	}
	t.Cleanup(func() {
		for _, stop := range s.stops {
			stopped(t, stop)
		}
	})
	return s
}

func (s *several) start(db *pgtest.Database) {
	s.t.Helper()
	cfg, stop := startNode(s.t, db, func(*app.Settings) {})
	s.urls, s.stops = append(s.urls, cfg.URL), append(s.stops, stop)
	s.bearer = bearer(s.t, cfg)
}

func bearer(t *testing.T, cfg hubclient.Config) string {
	t.Helper()
	token, err := cfg.Token(t.Context())
	require.NoError(t, err)
	return token
}

// known waits until every node knows that every other is there.
func (s *several) known() {
	s.t.Helper()
	for _, url := range s.urls {
		require.Eventually(s.t, func() bool {
			_, text := page(s.t, url+"/metrics")
			return strings.Count(text, "\nherald_peer_reachable{") == len(s.urls)-1
		}, patience, 50*time.Millisecond)
	}
}

// do sends a request to a node's admin hub.
func (s *several) do(
	ctx context.Context, at int, method, query, body string, headers ...string,
) (*http.Response, error) {
	s.t.Helper()
	path := "/hubs/admin"
	if strings.Contains(query, "negotiateVersion") {
		path += "/negotiate"
	}
	r, err := http.NewRequestWithContext(ctx, method, s.urls[at]+path+"?"+query, strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+s.bearer)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return http.DefaultClient.Do(r)
}

func (s *several) answer(at int, method, query, body string, headers ...string) (status int, text string) {
	s.t.Helper()
	answer, err := s.do(s.t.Context(), at, method, query, body, headers...)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return answer.StatusCode, string(b)
}

// negotiate returns ?id= with a ticket of that node's.
func (s *several) negotiate(at int, options string) string {
	s.t.Helper()
	status, text := s.answer(at, http.MethodPost, "negotiateVersion=1"+options, "")
	require.Equal(s.t, http.StatusOK, status, text)
	var answer struct{ ConnectionToken string }
	require.NoError(s.t, json.Unmarshal([]byte(text), &answer))
	return "id=" + answer.ConnectionToken
}

// publish makes all nodes send the admins a notification with that description.
func (s *several) publish(description string) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), `SELECT herald.publish_admin_event('AdminNotification',
		jsonb_build_object('type', 'system-event', 'eventType', 'test', 'description', $1::text))`, description)
	require.NoError(s.t, err)
}

const (
	handshake  = `{"protocol":"json","version":1}` + "\x1e"
	unknownID  = "No Connection with that ID"
	acceptsSSE = "text/event-stream"
)

// reads returns a function that reads until it meets the text.
func reads(t *testing.T, body io.Reader) func(want string) {
	t.Helper()
	in := bufio.NewReader(body)
	return func(want string) {
		t.Helper()
		var seen bytes.Buffer
		for !strings.Contains(seen.String(), want) {
			b, err := in.ReadByte()
			require.NoError(t, err, "%q has not come; %q has", want, seen.String())
			seen.WriteByte(b)
		}
	}
}

// A stream is negotiated at one node, opened at another and used at a third, before and after a change of the
// nodes' key; it is ended at each.
//
// Acceptance.
func TestAnEventStreamWhoseEveryRequestMeetsAnotherNode(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := startSeveral(t, db, 3)
	s.known()
	id := s.negotiate(0, "")
	ctx, leave := context.WithTimeout(t.Context(), patience)
	defer leave()
	stream, err := s.do(ctx, 1, http.MethodGet, id, "", "Accept", acceptsSSE)
	require.NoError(t, err)
	defer stream.Body.Close()
	require.Equal(t, http.StatusOK, stream.StatusCode)
	until := reads(t, stream.Body)
	status, _ := s.answer(2, http.MethodPost, id, handshake)
	require.Equal(t, http.StatusOK, status)
	until("ConnectionEstablished")
	s.publish("before the rotation")
	until("before the rotation")

	s.rotate(db)
	status, text := s.answer(3, http.MethodPost, id,
		`{"type":1,"invocationId":"1","target":"SendTestMessage","arguments":["hello"]}`+"\x1e")
	require.Equal(t, http.StatusOK, status, "a node that has started since: %s", text)
	until("hello")

	stopped(t, s.stops[0])
	until("allowReconnect")
	for at, url := range s.urls {
		if at == 0 {
			continue
		}
		for _, headers := range [][]string{nil, {"Accept", acceptsSSE}} {
			status, text = s.answer(at, http.MethodGet, id, "", headers...)
			require.Equal(t, http.StatusNotFound, status, url)
			require.Equal(t, unknownID, text)
		}
	}
	s.stops = s.stops[1:]
}

// rotate lets enough time pass for a new key, which a node that starts then creates.
func (s *several) rotate(db *pgtest.Database) {
	s.t.Helper()
	var used, now int
	const keyUsed = "SELECT key_id FROM herald.node_key WHERE activates_at <= clock_timestamp() ORDER BY activates_at DESC LIMIT 1"
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), keyUsed).Scan(&used))
	for _, by := range []string{"25 hours", "2 hours"} {
		_, err := s.pool.Exec(s.t.Context(),
			"UPDATE herald.node_key SET activates_at = activates_at - $1::interval, retires_at = retires_at - $1::interval", by)
		require.NoError(s.t, err)
		_, err = s.pool.Exec(s.t.Context(), "SELECT herald.rotate_node_key('1 day', '1 hour', '30 days')")
		require.NoError(s.t, err)
	}
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), keyUsed).Scan(&now))
	require.NotEqual(s.t, used, now)
	s.start(db)
	require.NotEqual(s.t, s.negotiate(0, "")[3:9], s.negotiate(len(s.urls)-1, "")[3:9],
		"nodes that have read the keys at different times seal with different ones")
}

// dial opens a WebSocket at a node.
func (s *several) dial(at int, id string) (net.Conn, func(want string)) {
	s.t.Helper()
	conn, in, _, err := ws.Dial(s.t.Context(),
		strings.Replace(s.urls[at], "http", "ws", 1)+"/hubs/admin?"+id+"&access_token="+s.bearer)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(patience)))
	if in != nil {
		return conn, reads(s.t, in)
	}
	return conn, reads(s.t, conn)
}

func (s *several) say(conn net.Conn, text string) {
	s.t.Helper()
	require.NoError(s.t, ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte(text+"\x1e")))))
}

// Acceptance.
func TestASocketAtAnyNodeWhicheverNegotiated(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := startSeveral(t, db, 2)
	s.rotate(db)
	for negotiated := range s.urls {
		for taken := range s.urls {
			conn, until := s.dial(taken, s.negotiate(negotiated, ""))
			s.say(conn, strings.TrimSuffix(handshake, "\x1e"))
			until("ConnectionEstablished")
		}
	}
	s.publish("to all")
}

// A stateful connection's client reconnects at another node, and receives the messages sent meanwhile: the
// connection lives where it was negotiated.
//
// Acceptance: A-468.
func TestAStatefulReconnectAtAnotherNode(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := startSeveral(t, db, 3)
	s.known()
	id := s.negotiate(0, "&useStatefulReconnect=true")
	conn, until := s.dial(1, id)
	s.say(conn, `{"protocol":"json","version":2}`)
	until("ConnectionEstablished")
	require.NoError(t, conn.Close())
	s.publish("while the client was away")
	conn, until = s.dial(2, id)
	s.say(conn, `{"type":9,"sequenceId":1}`)
	until(`{"type":9,"sequenceId":1}`)
	until("while the client was away")
	s.say(conn, `{"type":1,"invocationId":"1","target":"GetConnectionCount","arguments":[]}`)
	until(`"connectionCount":1`)
}

// Acceptance: A-468.
func TestPollsAndTheirDeleteMeetOtherNodes(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := startSeveral(t, db, 3)
	s.known()
	id := s.negotiate(0, "")
	status, _ := s.answer(1, http.MethodGet, id, "")
	require.Equal(t, http.StatusOK, status)
	status, _ = s.answer(2, http.MethodPost, id, handshake)
	require.Equal(t, http.StatusOK, status)
	s.publish("polled for")
	heard := ""
	for at := 0; !strings.Contains(heard, "polled for"); at++ {
		status, text := s.answer(at%3, http.MethodGet, id, "")
		require.Equal(t, http.StatusOK, status)
		heard += text
	}
	status, _ = s.answer(1, http.MethodDelete, id, "")
	require.Equal(t, http.StatusAccepted, status)
	for at := range s.urls {
		require.Eventually(t, func() bool {
			status, text := s.answer(at, http.MethodPost, id, `{"type":6}`+"\x1e")
			return status == http.StatusNotFound && text == unknownID
		}, patience, 50*time.Millisecond)
	}
}
