package broadcast

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/signalr"
)

// sends is how many events the tests of order send to one group.
const sends = 100_000

// TestOrderToOneClient: 100,000 group sends over a real WebSocket.
func TestOrderToOneClient(t *testing.T) {
	t.Parallel()
	s := serveGroup(t)
	s.run(t, func() {
		v := s.visitor(t)
		v.join(uuid.Nil)
		v.receive(sends)
	})
}

// TestOrderToClientsThatComeAndGo: 100,000 group sends, and 100 clients that come and go. Each client has all events
// of its visits. Every twentieth client resumes at each visit where the last one ended, and so has all events.
func TestOrderToClientsThatComeAndGo(t *testing.T) {
	t.Parallel()
	s := serveGroup(t)
	var visitors []func()
	for i := range 100 {
		visitors = append(visitors, func() {
			v := s.visitor(t)
			for v.had < sends && !t.Failed() {
				s.await(v.had + rand.Int64N(sends/10))
				switch {
				case i%20 != 0:
					v.join(uuid.Max)
				case v.had == 0:
					v.join(uuid.Nil)
				default:
					v.join(eventID(v.had))
				}
				v.receive(v.had + rand.Int64N(sends/100))
				v.leave()
			}
		})
	}
	s.run(t, visitors...)
}

// groupServer serves one group over WebSockets, without permissions.
type groupServer struct {
	*Broadcaster
	url  string
	mu   sync.Mutex
	sent int64
	more *sync.Cond
}

func serveGroup(t *testing.T) *groupServer {
	t.Helper()
	s := &groupServer{}
	s.more = sync.NewCond(&s.mu)
	var err error
	s.Broadcaster, err = New(Config{
		Settings: Settings{ReplayLimit: sends, RingBytes: 64 << 10}, ReplayBytes: 1 << 30, PendingBytes: 1 << 30,
		Logger: discard(),
	}, numbered{})
	require.NoError(t, err)
	// The queues have room for every event: the test is about order, and the race detector makes clients slow.
	cfg := signalr.Config{
		Settings: signalr.DefaultSettings(), Logger: discard(),
		Authenticate: func(*http.Request) (signalr.User, error) { return user("u"), nil },
	}
	cfg.QueueBytes, cfg.ClientTimeout = 1<<30, time.Hour // the clients send no pings
	server, err := signalr.New(cfg)
	require.NoError(t, err)
	hub := signalr.NewHub("order")
	signalr.Method1(hub, "Join", func(ctx context.Context, call *signalr.Call, last uuid.UUID) (any, error) {
		cursor := eventlog.Cursor{Kind: eventlog.After, EventID: last}
		switch last {
		case uuid.Nil:
			cursor = eventlog.Cursor{Kind: eventlog.Beginning}
		case uuid.Max:
			cursor = eventlog.Cursor{Kind: eventlog.Live}
		}
		return nil, s.Resume(ctx, call.Conn, cartGroup, cursor, event.WithCursor, func(r Result) { call.Complete(r) })
	})
	signalr.Method0(hub, "Leave", func(_ context.Context, call *signalr.Call) (any, error) {
		s.Unsubscribe(call.Conn, cartGroup)
		return nil, nil
	})
	hub.OnDisconnected(func(c *signalr.Conn, _ error) { s.Disconnect(c) })
	listener := httptest.NewServer(server.Handler(hub))
	t.Cleanup(listener.Close)
	s.url = strings.Replace(listener.URL, "http", "ws", 1) + "/hub"
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ran)
		require.Zero(t, s.Stats().Members)
	})
	return s
}

// run sends every event while the visitors come and go.
func (s *groupServer) run(t *testing.T, visitors ...func()) {
	t.Helper()
	var group sync.WaitGroup
	for _, visit := range visitors {
		group.Go(visit)
	}
	for i := int64(1); i <= sends && !t.Failed(); i++ {
		if err := s.Broadcast(t.Context(), []event.Logged{logged(i)}); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.sent = i
		s.mu.Unlock()
		s.more.Broadcast()
	}
	group.Wait()
}

// await waits until n events have been sent, or all.
func (s *groupServer) await(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.sent < min(n, sends) {
		s.more.Wait()
	}
}

// visitor is a client that comes and goes, and checks that its events are contiguous.
type visitor struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	had  int64 // the sequence of the last event that it received, or behind which it joined
	live bool  // it joined behind the head at that moment, so no event may come before the answer
}

func (s *groupServer) visitor(t *testing.T) *visitor {
	t.Helper()
	v := &visitor{t: t}
	conn, in, _, err := ws.Dial(t.Context(), s.url)
	if err != nil {
		t.Error(err)
		v.had = sends
		return v
	}
	t.Cleanup(func() { _ = conn.Close() })
	if in == nil {
		in = bufio.NewReader(conn)
	}
	v.conn, v.in = conn, in
	v.send(`{"protocol":"json","version":1}`)
	v.next()
	return v
}

func (v *visitor) send(record string) {
	if err := ws.WriteFrame(v.conn, ws.MaskFrame(ws.NewTextFrame([]byte(record+"\x1e")))); err != nil {
		v.fail("sending: %v", err)
	}
}

// fail ends the visitor; it does not run on the test's goroutine.
func (v *visitor) fail(format string, args ...any) {
	v.t.Errorf(format, args...)
	v.had = sends
}

// next reads one record. It returns the result if the record answers an invocation, else nil.
func (v *visitor) next() json.RawMessage {
	_ = v.conn.SetReadDeadline(time.Now().Add(time.Minute))
	h, err := ws.ReadHeader(v.in)
	record := make([]byte, h.Length)
	if err == nil {
		_, err = io.ReadFull(v.in, record)
	}
	if err != nil {
		v.fail("behind %d: %v", v.had, err)
		return json.RawMessage("{}")
	}
	before, rest, event := bytes.Cut(record, []byte(`"sequence":`))
	if !bytes.HasPrefix(before, []byte(`{"type":1,"target":"ReceiveCartUpdated",`)) {
		return v.completion(record)
	}
	digits := bytes.IndexByte(rest, ',')
	got, err := strconv.ParseInt(string(rest[:max(digits, 0)]), 10, 64)
	if err != nil || !event || v.live || got != v.had+1 {
		v.fail("behind %d came %d (joining live: %t)", v.had, got, v.live)
	} else {
		v.had = got
	}
	return nil
}

func (v *visitor) completion(record []byte) json.RawMessage {
	var m struct {
		Type   int
		Result json.RawMessage
		Error  string
	}
	if err := json.Unmarshal(record[:len(record)-1], &m); err != nil || m.Error != "" {
		v.fail("behind %d: %s", v.had, record)
	}
	return m.Result
}

// answer reads records until the answer to the last invocation.
func (v *visitor) answer() json.RawMessage {
	for {
		if result := v.next(); result != nil {
			return result
		}
	}
}

func (v *visitor) join(last uuid.UUID) {
	v.live = last == uuid.Max
	v.send(fmt.Sprintf(`{"type":1,"invocationId":"1","target":"Join","arguments":["%s"]}`, last))
	var r Result
	if err := json.Unmarshal(v.answer(), &r); err != nil || !v.t.Failed() && r.Status != Resumed {
		v.fail("joining behind %d: %+v %v", v.had, r, err)
	}
	if v.live {
		v.live, v.had = false, r.Sequence
	} else if r.Sequence > v.had {
		v.fail("joined behind %d and was sent no more than %d", r.Sequence, v.had)
	}
}

// receive reads events up to number n.
func (v *visitor) receive(n int64) {
	for v.had < min(n, sends) {
		v.next()
	}
}

func (v *visitor) leave() {
	v.send(`{"type":1,"invocationId":"2","target":"Leave","arguments":[]}`)
	v.answer()
}

// numbered is a log of one group whose events carry their sequence in their id.
type numbered struct{}

func eventID(sequence int64) (id uuid.UUID) {
	id[0] = 1
	binary.BigEndian.PutUint64(id[8:], uint64(sequence))
	return id
}

func logged(sequence int64) event.Logged {
	return event.Logged{Event: &event.Event{
		ID: eventID(sequence), Type: event.CartUpdated, ResourceID: cartID, Payload: json.RawMessage(`{}`),
	}, Group: cartGroup, Position: sequence, Sequence: sequence}
}

func (numbered) Locate(_ context.Context, _ event.Group, id uuid.UUID) (int64, error) {
	return int64(binary.BigEndian.Uint64(id[8:])), nil
}

func (numbered) Head(_ context.Context, _ event.Group, at int64) (uuid.UUID, int64, error) {
	if at == 0 {
		return uuid.Nil, 0, nil
	}
	return eventID(at), at, nil
}

func (numbered) Read(_ context.Context, _ event.Group, after, upTo int64, limit, _ int) ([]event.Logged, error) {
	var all []event.Logged
	for n := after + 1; n <= upTo && len(all) < limit; n++ {
		all = append(all, logged(n))
	}
	return all, nil
}
