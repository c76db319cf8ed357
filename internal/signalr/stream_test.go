package signalr_test

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

func streamInvocation(id, target string, streamIDs string, arguments ...any) string {
	list := strings.Trim(strings.ReplaceAll(fmt.Sprint(arguments...), " ", ","), ",")
	record := fmt.Sprintf(`{"type":4,"invocationId":"%s","target":"%s","arguments":[%s]`, id, target, list)
	if streamIDs != "" {
		record += `,"streamIds":[` + streamIDs + `]`
	}
	return record + `}`
}

// held is a hub method that a test holds. It reports when it has begun and when its context has ended, and returns
// when the test lets it.
type held struct {
	begun, cancelled chan struct{}
	release          chan struct{}
	over             atomic.Bool
}

func newHeld() *held {
	return &held{begun: make(chan struct{}, 1), cancelled: make(chan struct{}, 1), release: make(chan struct{})}
}

func (m *held) wait(ctx context.Context) {
	m.begun <- struct{}{}
	<-ctx.Done()
	m.cancelled <- struct{}{}
	<-m.release
	m.over.Store(true)
}

// register adds it to the hub in every form in which it has a goroutine of its own.
func (m *held) register(h *signalr.Hub) {
	signalr.Stream0(h, "HeldStream", func(ctx context.Context, _ *signalr.Call) (iter.Seq2[int, error], error) {
		return func(func(int, error) bool) { m.wait(ctx) }, nil
	})
	signalr.Method1(h, "HeldUpload", func(ctx context.Context, _ *signalr.Call, _ *signalr.Upload[int]) (any, error) {
		m.wait(ctx)
		return nil, nil
	})
	signalr.Stream1(h, "HeldBoth", func(
		ctx context.Context, _ *signalr.Call, _ *signalr.Upload[int],
	) (iter.Seq2[int, error], error) {
		m.wait(ctx)
		return count(0, 1), nil
	})
}

// The connection's end cancels the running methods, and OnDisconnected waits for them.
func TestNoHubCodeRunsAfterOnDisconnected(t *testing.T) {
	t.Parallel()
	for name, invocation := range map[string]string{
		"stream": streamInvocation("1", "HeldStream", ""),
		"upload": `{"type":1,"target":"HeldUpload","arguments":[],"streamIds":["u"]}`,
		"both":   streamInvocation("1", "HeldBoth", `"u"`),
	} {
		for how, end := range map[string]func(*client, *signalr.Conn){
			"cut":    func(c *client, _ *signalr.Conn) { _ = c.conn.Close() },
			"closed": func(_ *client, conn *signalr.Conn) { conn.Close("", false) },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				f, m := newFixture(t), newHeld()
				m.register(f.hub)
				var early atomic.Bool
				f.hub.OnDisconnected(func(_ *signalr.Conn, err error) {
					early.Store(!m.over.Load())
					f.disconnected <- err
				})
				serve(t, f, f.handler())
				c, conn := f.connect(t)
				c.send(invocation)
				within(t, m.begun, "the method's beginning")
				end(c, conn)
				within(t, m.cancelled, "the end of the method's context")
				require.Empty(t, f.disconnected)
				close(m.release)
				within(t, f.disconnected, "OnDisconnected")
				require.False(t, early.Load())
			})
		}
	}
}

// A slow client gets everything: no number of streams overflows its queue.
func TestStreamsWaitForSlowClients(t *testing.T) {
	t.Parallel()
	const queueBytes = 64 << 10
	for name, c := range map[string]struct{ streams, each, size int }{
		"small items":                      {20, 500, 100},
		"large items":                      {20, 50, 10 << 10},
		"items larger than half the queue": {5, 40, 40 << 10},
		"items larger than the queue":      {1, 80, 80 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			streams, each, size := c.streams, c.each, c.size
			f := newFixture(t, func(cfg *signalr.Config) { cfg.QueueBytes = queueBytes })
			padding := strings.Repeat("x", size)
			signalr.Stream1(f.hub, "Padded", func(_ context.Context, _ *signalr.Call, n int) (iter.Seq2[string, error], error) {
				return func(yield func(string, error) bool) {
					for i := range n {
						if !yield(fmt.Sprintf("%d %s", i, padding), nil) {
							return
						}
					}
				}, nil
			})
			serve(t, f, f.handler())
			c, conn := f.connect(t)
			for i := range streams {
				c.send(streamInvocation(strconv.Itoa(i), "Padded", "", each))
			}
			if streams*each*size > 5<<20 { // more than the sockets' buffers take
				require.Eventually(t, func() bool { return conn.QueuedBytes() > min(size, queueBytes/4) }, patience, patience/1000)
			}
			next := make(map[string]int)
			for over := 0; over < streams; {
				record := c.receive()
				require.LessOrEqual(t, conn.QueuedBytes(), max(queueBytes/2, size+100)+100*streams) // and the completions
				var id string
				var n int
				if strings.HasPrefix(record, `{"type":3,`) {
					over++
					continue
				}
				_, err := fmt.Sscanf(record, `{"type":2,"invocationId":%q,"item":"%d`, &id, &n)
				require.NoError(t, err)
				require.Equal(t, next[id], n, "of stream %s", id)
				next[id]++
			}
			for i := range streams {
				require.Equal(t, each, next[strconv.Itoa(i)])
			}
			require.Zero(t, f.observer.overflows())
		})
	}
}

// A stream whose client reads nothing stops at once when it is cancelled, or when the connection ends.
func TestStreamThatWaitsForRoomHeedsTheEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*client, *signalr.Conn){
		"cancelled": func(c *client, _ *signalr.Conn) {
			c.send(`{"type":5,"invocationId":"1"}`, `{"type":5,"invocationId":"2"}`)
		},
		"connection closed": func(_ *client, conn *signalr.Conn) { conn.Close("", false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(cfg *signalr.Config) { cfg.QueueBytes = 64 << 10 })
			item := strings.Repeat("x", 30<<10)
			over := make(chan struct{}, 2)
			var made atomic.Int64
			signalr.Stream0(f.hub, "Endless", func(context.Context, *signalr.Call) (iter.Seq2[string, error], error) {
				return func(yield func(string, error) bool) {
					for yield(item, nil) {
						made.Add(1)
					}
					over <- struct{}{}
				}, nil
			})
			serve(t, f, f.handler())
			c, conn := f.connect(t)
			c.send(streamInvocation("1", "Endless", ""), streamInvocation("2", "Endless", ""))
			// Until the sockets' buffers and the streams' part of the queue are full: then no more items are made.
			var last int64
			looks := 0
			require.Eventually(t, func() bool {
				if now := made.Load(); now != last || now == 0 {
					last, looks = now, 0
				}
				looks++
				return looks == 20
			}, patience, patience/1000)
			require.Positive(t, conn.QueuedBytes())
			require.LessOrEqual(t, conn.QueuedBytes(), 32<<10)
			end(c, conn)
			within(t, over, "the end of a stream")
			within(t, over, "the end of the other")
		})
	}
}

func TestManyStreamsAtOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, _ := f.connect(t)
	streams, each := signalr.DefaultSettings().MaximumStreams, 50
	for i := range streams {
		c.send(streamInvocation(strconv.Itoa(i), "Hold", ""))
		c.expect(fmt.Sprintf(`{"type":2,"invocationId":"%d","item":"held"}`, i))
	}
	c.send(streamInvocation("more", "Hold", ""))
	c.expect(`{"type":3,"invocationId":"more","error":"An unexpected error occurred invoking 'Hold' on the server. HubException: Too many streams."}`)
	c.send(`{"type":1,"invocationId":"upload","target":"Sum","arguments":[],"streamIds":["u"]}`)
	c.expect(`{"type":3,"invocationId":"upload","error":"An unexpected error occurred invoking 'Sum' on the server. HubException: Too many streams."}`)
	for i := range streams {
		c.send(fmt.Sprintf(`{"type":5,"invocationId":"%d"}`, i))
		c.expect(fmt.Sprintf(`{"type":3,"invocationId":"%d"}`, i))
	}
	// Now that all are over, there is room for as many again.
	for i := range streams {
		c.send(streamInvocation(strconv.Itoa(i), "Numbers", "", each))
	}
	next := make(map[string]int)
	for over := 0; over < streams; {
		record := c.receive()
		var id string
		var n int
		if _, err := fmt.Sscanf(record, `{"type":2,"invocationId":%q,"item":%d}`, &id, &n); err == nil {
			require.Equal(t, next[id], n, "of stream %s", id)
			next[id]++
			continue
		}
		_, err := fmt.Sscanf(record, `{"type":3,"invocationId":%q}`, &id)
		require.NoError(t, err, record)
		require.NotContains(t, record, "error")
		require.Equal(t, each, next[id], "of stream %s", id)
		over++
	}
}

// The uploads of a method count as streams until it is over, whatever the client does with them.
func TestStreamsCountUntilTheMethodIsOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(cfg *signalr.Config) { cfg.MaximumStreams = 3 })
	m := newHeld()
	m.register(f.hub)
	serve(t, f, f.handler())
	c, _ := f.connect(t)
	c.send(streamInvocation("1", "HeldBoth", `"u"`), `{"type":3,"invocationId":"u"}`)
	within(t, m.begun, "the method's beginning")
	c.send(`{"type":1,"invocationId":"2","target":"Join","arguments":[],"streamIds":["l","r"]}`)
	c.expect(`{"type":3,"invocationId":"2","error":"An unexpected error occurred invoking 'Join' on the server. HubException: Too many streams."}`)
	c.send(`{"type":1,"invocationId":"3","target":"Sum","arguments":[],"streamIds":["l"]}`,
		`{"type":3,"invocationId":"l"}`)
	c.expect(`{"type":3,"invocationId":"3","result":0}`)
	close(m.release)
	c.send(`{"type":5,"invocationId":"1"}`)
	c.expect(`{"type":3,"invocationId":"1"}`)
	c.send(`{"type":1,"invocationId":"4","target":"Join","arguments":[],"streamIds":["l","r"]}`,
		`{"type":3,"invocationId":"l"}`, `{"type":3,"invocationId":"r"}`)
	c.expect(`{"type":3,"invocationId":"4","result":""}`)
}

// A client that has read a completion may rely on the call's streams being free.
func TestCompletedCallsDoNotCount(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.MaximumStreams = 1 })
	c, _ := f.connect(t)
	for range 500 {
		c.send(`{"type":1,"invocationId":"1","target":"Sum","arguments":[],"streamIds":["u"]}`,
			`{"type":3,"invocationId":"u"}`)
		c.expect(`{"type":3,"invocationId":"1","result":0}`)
		c.send(streamInvocation("1", "Numbers", "", 0))
		c.expect(`{"type":3,"invocationId":"1"}`)
	}
}

func TestMetricsOfStreams(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.MaximumStreams = 2 })
	c, _ := f.connect(t)
	complete := func(invocation string) {
		c.send(invocation)
		for over := false; !over; {
			over = strings.HasPrefix(c.receive(), `{"type":3,`)
		}
	}
	for _, how := range []string{"refuse", "fail", "panic", "nothing"} {
		complete(streamInvocation("1", "Break", "", `"`+how+`"`))
	}
	complete(streamInvocation("1", "StreamRefuse", ""))
	complete(streamInvocation("1", "StreamNothing", ""))
	complete(streamInvocation("1", "Twice", `"a","a"`)) // fewer than the method takes
	c.send(streamInvocation("held", "Hold", ""))
	c.expect(`{"type":2,"invocationId":"held","item":"held"}`)
	complete(streamInvocation("1", "Twice", `"a"`)) // one too many
	complete(`{"type":5,"invocationId":"held"}`)
	complete(`{"type":1,"invocationId":"1","target":"Sum","arguments":[],"streamIds":["u"]}` + "\x1e" +
		`{"type":3,"invocationId":"u"}`)
	complete(`{"type":1,"invocationId":"1","target":"Numbers","arguments":[1]}`)
	c.send(streamInvocation("1", "Twice", `"u"`), item("u", 1))
	c.expect(item("1", 2))
	c.send(`{"type":7}`)
	c.expect(`{"type":7}`)
	c.expectClose(ws.StatusNormalClosure)
	require.NoError(t, within(t, f.disconnected, "OnDisconnected"))
	c, _ = f.connect(t)
	c.send(`{"type":1,"invocationId":"1","target":"Sum","arguments":[],"streamIds":["u"]}` + "\x1e" + `{"type":7}`)
	c.expect(`{"type":7}`)
	c.expectClose(ws.StatusNormalClosure)
	require.NoError(t, within(t, f.disconnected, "OnDisconnected"))
	require.Equal(t, map[string][]signalr.Outcome{
		"Break":         {signalr.Failed, signalr.Succeeded, signalr.Panicked, signalr.Refused},
		"StreamRefuse":  {signalr.Refused},
		"StreamNothing": {signalr.Failed},
		"Twice":         {signalr.Succeeded, signalr.Refused, signalr.Unbound},
		"Sum":           {signalr.Succeeded, signalr.Succeeded},
		"Numbers":       {signalr.Unbound},
		"Hold":          {signalr.Succeeded},
	}, f.observer.outcomes())
}

func TestRegistrationPanics(t *testing.T) {
	t.Parallel()
	type text = signalr.Optional[string]
	type numbers = signalr.Upload[int]
	h := signalr.NewHub("test")
	register2 := func(name string, f func()) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Panics(t, f)
		})
	}
	register2("optional before required", func() {
		signalr.Method2(h, "M", func(context.Context, *signalr.Call, text, int) (any, error) { return nil, nil })
	})
	register2("upload by value", func() {
		signalr.Method1(h, "M", func(context.Context, *signalr.Call, numbers) (any, error) { return nil, nil })
	})
	register2("pointer to optional", func() {
		signalr.Method1(h, "M", func(context.Context, *signalr.Call, *text) (any, error) { return nil, nil })
	})
	register2("optional upload", func() {
		signalr.Method1(h, "M", func(context.Context, *signalr.Call, signalr.Optional[*numbers]) (any, error) {
			return nil, nil
		})
	})
	register2("upload of optional", func() {
		signalr.Method1(h, "M", func(context.Context, *signalr.Call, *signalr.Upload[text]) (any, error) { return nil, nil })
	})
	require.NotPanics(t, func() {
		signalr.Method3(signalr.NewHub("test"), "M", func(context.Context, *signalr.Call, int, text, *numbers) (any, error) {
			return nil, nil
		})
	})
}
