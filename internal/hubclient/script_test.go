package hubclient_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
)

// script is a server that follows a script: each connection takes the next scene, and the last scene repeats.
type script struct {
	url    string
	mu     sync.Mutex
	scenes []func(*stage)
	played int
}

// stage is one connection of a script.
type stage struct {
	ctx    context.Context
	socket *websocket.Conn
}

func play(t *testing.T, scenes ...func(*stage)) *script {
	t.Helper()
	s := &script{scenes: scenes}
	ctx, cancel := context.WithCancel(context.Background()) // the context of a hijacked request does not end
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hubs/customer-orders/negotiate", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"negotiateVersion":1,"connectionId":"public","connectionToken":"a secret","availableTransports":[]}`)
	})
	mux.HandleFunc("GET /hubs/customer-orders", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		scene := s.scenes[min(s.played, len(s.scenes)-1)]
		s.played++
		s.mu.Unlock()
		if scene == nil || r.URL.Query().Get("id") != "a secret" {
			http.NotFound(w, r)
			return
		}
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer socket.CloseNow()
		scene(&stage{ctx: ctx, socket: socket})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() { cancel(); server.Close() })
	s.url = server.URL
	return s
}

func (s *script) config() hubclient.Config {
	return hubclient.Config{URL: s.url, Backoff: []time.Duration{time.Millisecond}, Logger: slog.New(slog.DiscardHandler)}
}

// read returns the next message, or nothing at the end.
func (s *stage) read() string {
	_, data, err := s.socket.Read(s.ctx)
	if err != nil {
		return ""
	}
	return string(data)
}

// say sends the records in one message.
func (s *stage) say(records ...string) {
	_ = s.socket.Write(s.ctx, websocket.MessageText, []byte(strings.Join(records, "\x1e")+"\x1e"))
}

// listen reads until the client says goodbye or is gone.
func (s *stage) listen() {
	for r := s.read(); r != "" && !strings.HasPrefix(r, `{"type":7`); {
		r = s.read()
	}
	_ = s.socket.Close(websocket.StatusNormalClosure, "")
}

// greet does the handshake and answers the resume as for a group without events.
func (s *stage) greet() {
	s.read()
	s.say(`{}`)
	s.resumed(0)
}

func (s *stage) resumed(sequence int) {
	s.read()
	s.say(fmt.Sprintf(
		`{"type":3,"invocationId":"1","result":{"status":"resumed","lastEventId":"%s","sequence":%d}}`,
		scriptedID(sequence), sequence,
	))
}

func scriptedID(sequence int) uuid.UUID {
	if sequence == 0 {
		return uuid.Nil
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, sequence))
}

func scriptedEvent(sequence, size int) string {
	return fmt.Sprintf(
		`{"type":1,"target":"ReceiveOrderPlaced","arguments":[{"eventId":"%s","sequence":%d,"orderNumber":"%s"}]}`,
		scriptedID(sequence), sequence, strings.Repeat("x", size))
}

func (f *followed) expectNumber(t *testing.T, n int64) {
	t.Helper()
	require.Equal(t, n, within(t, f.events, "event").Sequence)
}

// Follow gives up a server that upgrades and then says nothing, and one that dies in the middle of the handshake.
func TestStuckHandshake(t *testing.T) {
	t.Parallel()
	for name, scene := range map[string]func(*stage){
		"silent":     func(s *stage) { s.listen() },
		"dead":       func(s *stage) { s.read() },
		"refused":    func(s *stage) { s.read(); s.say(`{"error":"no such protocol"}`); s.listen() },
		"not JSON":   func(s *stage) { s.read(); s.say(`hello`); s.listen() },
		"incomplete": func(s *stage) { s.read(); _ = s.socket.Write(s.ctx, websocket.MessageText, []byte(`{}`)); s.listen() },
		"binary": func(s *stage) {
			s.read()
			_ = s.socket.Write(s.ctx, websocket.MessageBinary, []byte("{}\x1e"))
			s.listen()
		},
		"not upgrade": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := play(t, scene, func(s *stage) { s.greet(); s.say(scriptedEvent(1, 0)); s.listen() })
			cfg := s.config()
			cfg.ConnectTimeout = 200 * time.Millisecond
			_, err := hubclient.Connect(t.Context(), cfg, event.CustomerOrdersPath, nil)
			require.ErrorContains(t, err, "connecting to /hubs/customer-orders")
			require.NotContains(t, err.Error(), "secret")

			s = play(t, scene, func(s *stage) { s.greet(); s.say(scriptedEvent(1, 0)); s.listen() })
			cfg.URL = s.url
			f := follow(t, cfg, hubclient.Subscription{Group: anOrder()})
			within(t, f.disconnected, "OnDisconnected")
			f.expectNumber(t, 1)
		})
	}
}

// Records in one message with the handshake's answer are not lost, nor are records longer than any buffer.
func TestCoalescedAndLongMessages(t *testing.T) {
	t.Parallel()
	s := play(t, func(s *stage) {
		s.read()
		s.say(`{}`, `{"type":6}`, scriptedEvent(1, 0), scriptedEvent(2, 100_000), scriptedEvent(3, 0))
		s.resumed(3)
		s.say(scriptedEvent(4, 500_000), `{"type":6}`, scriptedEvent(5, 40_000))
		s.listen()
	})
	f := follow(t, s.config(), hubclient.Subscription{Group: anOrder(), LastEventID: &uuid.Nil})
	for n := range int64(5) {
		f.expectNumber(t, n+1)
	}
	require.Empty(t, f.disconnected)
}

// A server that goes silent is noticed.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	s := play(t,
		func(s *stage) { s.greet(); s.say(scriptedEvent(1, 0)); s.listen() },
		func(s *stage) { s.read(); s.say(`{}`); s.resumed(1); s.say(scriptedEvent(2, 0)); s.listen() })
	cfg := s.config()
	cfg.ServerTimeout = 300 * time.Millisecond
	f := follow(t, cfg, hubclient.Subscription{Group: anOrder()})
	f.expectNumber(t, 1)
	require.ErrorContains(t, within(t, f.disconnected, "OnDisconnected"), "timeout")
	f.expectNumber(t, 2)
}

// A server that sends events sends no pings; it is not silent.
func TestServerThatSendsEventsOnly(t *testing.T) {
	t.Parallel()
	const timeout = 400 * time.Millisecond
	s := play(t, func(s *stage) {
		s.greet()
		ticker := time.NewTicker(timeout / 8)
		defer ticker.Stop()
		for n := 1; ; n++ {
			select {
			case <-ticker.C:
				s.say(scriptedEvent(n, 0))
			case <-s.ctx.Done():
				return
			}
			if n == 30 {
				s.listen()
				return
			}
		}
	})
	cfg := s.config()
	cfg.ServerTimeout = timeout
	f := follow(t, cfg, hubclient.Subscription{Group: anOrder()})
	for n := range int64(30) {
		f.expectNumber(t, n+1)
	}
	require.Empty(t, f.disconnected)
}

// Follow leaves a server that pings but never answers the resume.
func TestUnansweredResume(t *testing.T) {
	t.Parallel()
	s := play(t,
		func(s *stage) { s.read(); s.say(`{}`); s.listen() },
		func(s *stage) { s.greet(); s.say(scriptedEvent(1, 0)); s.listen() })
	cfg := s.config()
	cfg.ResumeTimeout = 200 * time.Millisecond
	f := follow(t, cfg, hubclient.Subscription{Group: anOrder()})
	require.ErrorContains(t, within(t, f.disconnected, "OnDisconnected"), "did not answer the resume")
	f.expectNumber(t, 1)
}

// A nonsensical answer to the resume is an error.
func TestNonsensicalAnswer(t *testing.T) {
	t.Parallel()
	for _, result := range []string{
		`null`, `{}`, `{"status":"perhaps"}`, `"resumed"`, `{"status":"resumed","lastEventId":"x"}`,
	} {
		t.Run(result, func(t *testing.T) {
			t.Parallel()
			s := play(t, func(s *stage) {
				s.read()
				s.say(`{}`)
				s.read()
				s.say(`{"type":3,"invocationId":"1","result":` + result + `}`)
				s.listen()
			}, func(s *stage) { s.greet(); s.listen() })
			f := follow(t, s.config(), hubclient.Subscription{Group: anOrder()})
			require.ErrorContains(t, within(t, f.disconnected, "OnDisconnected"), "not a result")
			within(t, f.results, "OnResumed")
		})
	}
}

// The admins group is joined live on connect, so the server sends the missing events behind new ones.
func TestAdminsOutOfOrder(t *testing.T) {
	t.Parallel()
	notice := func(n int) string {
		return strings.Replace(scriptedEvent(n, 0), "ReceiveOrderPlaced", "AdminNotification", 1)
	}
	for name, c := range map[string]struct {
		last   *uuid.UUID
		before []string
		result int
		want   []int64
	}{
		"replay behind live": {
			new(scriptedID(2)),
			[]string{notice(6), notice(7), notice(3), notice(4), notice(5)},
			7,
			[]int64{3, 4, 5, 6, 7, 8},
		},
		"from the beginning": {&uuid.Nil, []string{notice(3), notice(1), notice(2)}, 3, []int64{1, 2, 3, 8}},
		"both ways": {
			new(scriptedID(2)), []string{notice(3), notice(4), notice(3), notice(4)}, 4, []int64{3, 4, 8},
		},
		"a node behind":    {new(scriptedID(7)), []string{notice(6)}, 7, []int64{8}},
		"up to the cursor": {new(scriptedID(6)), []string{notice(5), notice(6), notice(7)}, 7, []int64{7, 8}},
		"from now on":      {nil, []string{notice(6), notice(7)}, 7, []int64{8}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := play(t, func(s *stage) {
				s.read()
				s.say(append([]string{`{}`}, c.before...)...)
				s.resumed(c.result)
				s.say(notice(c.result + 1))
				s.listen()
			})
			sub := hubclient.Subscription{Hub: event.CustomerOrdersPath, Group: event.Admins, LastEventID: c.last}
			f := follow(t, s.config(), sub)
			for _, n := range c.want[:len(c.want)-1] {
				f.expectNumber(t, n)
			}
			f.expectNumber(t, int64(c.result+1))
			require.Empty(t, f.events)
		})
	}
}

// However long the replay, and whatever live events came before it, each event is handled as it comes.
func TestAdminsThatHaveMissedMuch(t *testing.T) {
	t.Parallel()
	const missed = 25_000
	notice := func(n int) string {
		return strings.Replace(scriptedEvent(n, 0), "ReceiveOrderPlaced", "AdminNotification", 1)
	}
	replay := func(s *stage, from, to int) {
		for n := from; n <= to; n += 1000 {
			var records []string
			for i := n; i < n+1000 && i <= to; i++ {
				records = append(records, notice(i))
			}
			s.say(records...)
		}
	}
	for name, last := range map[string]*uuid.UUID{"the beginning": &uuid.Nil, "an event": new(scriptedID(100))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cursor := 0
			if *last != uuid.Nil {
				cursor = 100
			}
			s := play(t, func(s *stage) { // cut off before the answer
				s.read()
				s.say(`{}`)
				s.say(notice(missed+1), notice(missed+2))
				replay(s, cursor+1, missed-1000)
				_ = s.socket.Close(websocket.StatusNormalClosure, "")
			}, func(s *stage) { // goes on where the last connection was
				s.read()
				s.say(`{}`)
				replay(s, missed-999, missed)
				s.resumed(missed)
				s.say(notice(missed + 1))
				s.listen()
			})
			f := follow(
				t, s.config(), hubclient.Subscription{Hub: event.CustomerOrdersPath, Group: event.Admins, LastEventID: last},
			)
			for n := cursor + 1; n <= missed+1; n++ {
				f.expectNumber(t, int64(n))
			}
		})
	}
}

// A server's invocation that wants an answer is not supported, and the server is told so.
func TestServerThatAsks(t *testing.T) {
	t.Parallel()
	answered := make(chan string, 1)
	s := play(t, func(s *stage) {
		s.read()
		s.say(`{}`, `{"type":1,"target":"WhoAreYou","invocationId":"s1","arguments":[]}`)
		answered <- s.read()
		s.listen()
	})
	c, err := hubclient.Connect(t.Context(), s.config(), event.CustomerOrdersPath, nil)
	require.NoError(t, err)
	defer c.Close()
	require.JSONEq(t, `{"type":3,"invocationId":"s1","error":"Unknown method WhoAreYou"}`,
		strings.TrimSuffix(within(t, answered, "the completion"), "\x1e"))
}

// A server that does not answer the goodbye does not hold Close up for long.
func TestCloseOfAStuckServer(t *testing.T) {
	t.Parallel()
	s := play(t, func(s *stage) { s.read(); s.say(`{}`); <-s.ctx.Done() })
	c, err := hubclient.Connect(t.Context(), s.config(), event.CustomerOrdersPath, nil)
	require.NoError(t, err)
	closed := make(chan struct{})
	go func() { defer close(closed); c.Close() }()
	within(t, closed, "Close")
	require.ErrorIs(t, c.Err(), hubclient.ErrClosed)
}

// Events that the server sent before it closed the connection for good are handled.
func TestEventsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	const events = 200
	gone := make(chan struct{})
	s := play(t, func(s *stage) {
		s.greet()
		records := make([]string, 0, events+1)
		for n := range events {
			records = append(records, scriptedEvent(n+1, 0))
		}
		s.say(append(records, `{"type":7,"error":"That was all."}`)...)
		s.listen()
		close(gone)
	})
	f := followWith(t, s.config(), hubclient.Subscription{Group: anOrder()}, func(hubclient.Event) error {
		<-gone
		return nil
	})
	var closed *hubclient.ServerClosedError
	require.ErrorAs(t, within(t, f.ended, "the end"), &closed)
	require.Len(t, f.events, events)
}
