package signalr_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

func item(id string, value any) string {
	return fmt.Sprintf(`{"type":2,"invocationId":"%s","item":%v}`, id, value)
}

// Many items pass the small buffer, with invocations between them: all arrive in order, and so do the answers.
func TestUploadBetweenInvocations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got := make(chan int, 2000)
	signalr.Method1(f.hub, "Collect", func(
		_ context.Context, _ *signalr.Call, numbers *signalr.Upload[int],
	) (any, error) {
		n := 0
		for i, err := range numbers.All() {
			if err != nil {
				return nil, err
			}
			got <- i
			n++
		}
		return n, nil
	})
	serve(t, f, f.handler())
	c, _ := f.connect(t)
	const n = 1000
	c.send(`{"type":1,"invocationId":"upload","target":"Collect","arguments":[],"streamIds":["u"]}`)
	for i := range n {
		c.send(item("u", i))
		if i%10 == 0 {
			c.send(fmt.Sprintf(`{"type":1,"invocationId":"%d","target":"Add","arguments":[%d,1]}`, i, i))
			c.expect(fmt.Sprintf(`{"type":3,"invocationId":"%d","result":%d}`, i, i+1))
		}
	}
	c.send(`{"type":3,"invocationId":"u"}`)
	c.expect(fmt.Sprintf(`{"type":3,"invocationId":"upload","result":%d}`, n))
	for i := range n {
		require.Equal(t, i, <-got)
	}
}

// readsLate is a hub method that reads its upload once the test tells it to, and reports the items.
type readsLate struct {
	begun, start chan struct{}
	got          chan error // what All has yielded: nil for an item
}

func registerReadsLate(h *signalr.Hub) *readsLate {
	m := &readsLate{begun: make(chan struct{}, 1), start: make(chan struct{}), got: make(chan error, 100)}
	signalr.Method1(h, "ReadLate", func(_ context.Context, _ *signalr.Call, items *signalr.Upload[string]) (any, error) {
		m.begun <- struct{}{}
		<-m.start
		for _, err := range items.All() {
			m.got <- err
		}
		close(m.got)
		return nil, nil
	})
	return m
}

func (m *readsLate) all() (items int, err error) {
	for err := range m.got {
		if err != nil {
			return items, err
		}
		items++
	}
	return items, nil
}

// A method can still read the items that had arrived when the connection was cut.
func TestConnectionIsCutInMidUpload(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent []string
		want error
	}{
		"before the end": {[]string{item("u", `"a"`), item("u", `"b"`)}, signalr.ErrClosed},
		"behind it":      {[]string{item("u", `"a"`), item("u", `"b"`), `{"type":3,"invocationId":"u"}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			m := registerReadsLate(f.hub)
			serve(t, f, f.handler())
			client, conn := f.connect(t)
			client.send(`{"type":1,"target":"ReadLate","arguments":[],"streamIds":["u"]}`)
			client.send(c.sent...)
			client.send(strings.TrimSuffix(nothing, "\x1e"))
			client.expect(nothingResult)
			require.NoError(t, client.conn.Close())
			within(t, conn.Context().Done(), "the connection's end")
			require.Empty(t, f.disconnected)
			close(m.start)
			items, err := m.all()
			require.Equal(t, 2, items)
			require.ErrorIs(t, err, c.want)
			within(t, f.disconnected, "OnDisconnected")
		})
	}
}

// The reader waits for a method that does not read, until the connection ends.
func TestFullUploadHeedsTheEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := registerReadsLate(f.hub)
	serve(t, f, f.handler())
	c, conn := f.connect(t)
	c.send(`{"type":1,"target":"ReadLate","arguments":[],"streamIds":["u"]}`)
	for range 50 {
		c.send(item("u", `"x"`))
	}
	within(t, m.begun, "the method's beginning")
	conn.Close("So be it.", false)
	c.expect(`{"type":7,"error":"So be it."}`)
	close(m.start)
	items, err := m.all()
	require.LessOrEqual(t, items, 10)
	require.ErrorIs(t, err, signalr.ErrClosed)
	within(t, f.disconnected, "OnDisconnected")
	c.expectClose(ws.StatusNormalClosure)
}

// As soon as the method reads, the reader goes on.
func TestFullUploadGoesOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := registerReadsLate(f.hub)
	serve(t, f, f.handler())
	c, _ := f.connect(t)
	c.send(`{"type":1,"target":"ReadLate","arguments":[],"streamIds":["u"]}`)
	large := `"` + strings.Repeat("x", 30<<10) + `"`
	for range 10 {
		c.send(item("u", large))
	}
	for range 50 {
		c.send(item("u", `"x"`))
	}
	c.send(`{"type":3,"invocationId":"u"}`, strings.TrimSuffix(nothing, "\x1e"))
	within(t, m.begun, "the method's beginning")
	close(m.start)
	items, err := m.all()
	require.NoError(t, err)
	require.Equal(t, 60, items)
	c.expect(nothingResult)
}

// A method that returns gives up its unread items, and the reader that waits for room goes on.
func TestFullUploadOfAMethodThatReturns(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	begun, leave := make(chan struct{}, 1), make(chan struct{})
	signalr.Method1(f.hub, "Ignore", func(context.Context, *signalr.Call, *signalr.Upload[string]) (any, error) {
		begun <- struct{}{}
		<-leave
		return nil, nil
	})
	serve(t, f, f.handler())
	c, _ := f.connect(t)
	c.send(`{"type":1,"target":"Ignore","arguments":[],"streamIds":["u"]}`)
	for range 50 {
		c.send(item("u", `"x"`))
	}
	c.send(strings.TrimSuffix(nothing, "\x1e"))
	within(t, begun, "the method's beginning")
	close(leave)
	c.expect(nothingResult)
}

// The method's context ends its uploads, too: here the stream to the client is cancelled. A reader that has left the
// loop may come back.
func TestUploadOfACancelledStream(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seen := make(chan error, 1)
	signalr.Stream1(f.hub, "Pairs", func(
		_ context.Context, _ *signalr.Call, numbers *signalr.Upload[int],
	) (iter.Seq2[int, error], error) {
		return func(yield func(int, error) bool) {
			for {
				for n, err := range numbers.All() {
					if err != nil {
						seen <- err
						return
					}
					if !yield(n, nil) {
						return
					}
					break
				}
			}
		}, nil
	})
	serve(t, f, f.handler())
	c, _ := f.connect(t)
	c.send(streamInvocation("1", "Pairs", `"u"`), item("u", 1), item("u", 2))
	c.expect(item("1", 1), item("1", 2))
	c.send(`{"type":5,"invocationId":"1"}`)
	err := within(t, seen, "the end of the upload")
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, signalr.ErrClosed)
	c.expect(`{"type":3,"invocationId":"1"}`)
}

func TestUploadFailedByTheClient(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := registerReadsLate(f.hub)
	serve(t, f, f.handler())
	c, _ := f.connect(t)
	c.send(`{"type":1,"target":"ReadLate","arguments":[],"streamIds":["u"]}`, item("u", `"x"`),
		`{"type":3,"invocationId":"u","error":""}`)
	close(m.start)
	items, err := m.all()
	require.Equal(t, 1, items)
	require.ErrorIs(t, err, signalr.ErrUploadFailed)
}

// With stateful reconnect streams in both directions go on where the WebSocket was cut.
func TestStreamsOutliveTheWebSocket(t *testing.T) {
	t.Parallel()
	const n, cuts = 2000, 10
	f := setup(t)
	p, _ := f.connectStateful(t)
	p.send(streamInvocation("1", "Twice", `"u"`))
	var group sync.WaitGroup
	group.Go(func() {
		for i := range n {
			p.send(item("u", i))
		}
		p.send(`{"type":3,"invocationId":"u"}`)
	})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		if i%(n/cuts) == n/cuts/2 {
			p.cut(random)
		}
		require.Equal(t, item("1", 2*i), p.receive())
	}
	require.JSONEq(t, `{"type":3,"invocationId":"1"}`, p.receive())
	group.Wait()
	require.NotZero(t, p.resumes)
	require.Empty(t, f.disconnected)
}
