package crowd

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/bench"
)

// serveBareFrames is the bare server, in the test's own process.
func serveBareFrames(t *testing.T, frame []byte, count int) (url string) {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				serveBare(conn, frame, count)
				_ = conn.Close()
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestCallsAreAnsweredInOrderOrTheBenchFails(t *testing.T) {
	t.Parallel()
	b := &Invoke{Window: 4}
	o := invokeOrder{Window: 4, Duration: 20 * time.Millisecond}
	o.Requests, o.Replies = b.conversation(bench.NewOrders(3), true)
	require.Len(t, o.Requests, 9, "twice the window, and every order as often")

	url := serveBareFrames(t, nil, 0)
	pump := func(o invokeOrder) (int, error) {
		m, err := dial(t.Context(), openOrder{URL: url + bareEcho}, client{})
		require.NoError(t, err)
		defer m.drop()
		return m.pump(o, time.Now().Add(o.Duration))
	}
	calls, err := pump(o)
	require.NoError(t, err)
	require.Greater(t, calls, len(o.Requests), "they come round")

	swapped := o
	swapped.Replies = slices.Clone(o.Replies)
	swapped.Replies[5], swapped.Replies[6] = o.Replies[6], o.Replies[5]
	_, err = pump(swapped)
	require.ErrorContains(t, err, "is answered with")
}

func TestWhoComesBackMustHaveItsEventsOnceAndInOrder(t *testing.T) {
	t.Parallel()
	order := uuid.New()
	o := stormOrder{First: 4, Events: 3}
	event := func(n int) string {
		return fmt.Sprintf(
			`{"type":1,"target":"ReceiveOrderStatusChanged","arguments":[{"orderId":"%s","eventId":"%s","sequence":%d}]}`,
			order, eventOf(order, n), n+1)
	}
	result := func(status string, replayed, last int) string {
		return fmt.Sprintf(
			`{"type":3,"invocationId":"1","result":{"status":%q,"replayed":%d,"lastEventId":"%s","sequence":%d}}`,
			status, replayed, eventOf(order, last), last+1)
	}
	ping := `{"type":6}`
	for _, test := range []struct {
		name string
		want string // of the error
		sent []string
	}{
		{"as it should be", "", []string{event(4), ping, event(5), event(6), result("resumed", 3, 6)}},
		{"too few", "2 events instead of 3", []string{event(4), event(5), result("resumed", 2, 5)}},
		{"too many", "instead of", []string{event(4), event(5), event(6), event(7), result("resumed", 4, 7)}},
		{"one missing", "Sequence:7} instead of", []string{event(4), event(6), result("resumed", 3, 6)}},
		{"one twice", "Sequence:5} instead of", []string{event(4), event(4), event(5), event(6), result("resumed", 3, 6)}},
		{
			"one too early", "Sequence:4} instead of",
			[]string{event(3), event(4), event(5), event(6), result("resumed", 3, 6)},
		},
		{"out of order", "Sequence:6} instead of", []string{event(5), event(4), event(6), result("resumed", 3, 6)}},
		{"a gap", "Status:gap", []string{event(4), event(5), event(6), result("gap", 3, 6)}},
		{"another count", "Replayed:2", []string{event(4), event(5), event(6), result("resumed", 2, 6)}},
		{"another cursor", "instead of", []string{event(4), event(5), event(6), result("resumed", 3, 5)}},
		{"no answer", "not answered", []string{event(4), event(5), event(6)}},
		{"a refusal", "Forbidden", []string{`{"type":3,"invocationId":"1","error":"Forbidden"}`}},
		{"another method", "was sent ReceiveOther", []string{`{"type":1,"target":"ReceiveOther","arguments":[{}]}`}},
		{"no message", "was sent", []string{`{"type"`}},
	} {
		r := returning{
			member: &member{client: client{Order: order}}, frames: []byte(strings.Join(test.sent, "\x1e") + "\x1e"),
		}
		if err := r.check(o); test.want == "" {
			require.NoError(t, err, test.name)
		} else {
			require.ErrorContains(t, err, test.want, test.name)
		}
	}
	other := returning{member: &member{client: client{Order: uuid.New()}}, frames: []byte(event(4) + "\x1e")}
	require.ErrorContains(t, other.check(o), "instead of event", "another order's")
}

func TestFillerFramesHaveTheSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 100, 127, 130, 500, 70_000} {
		require.Len(t, fillerFrame(size), size)
	}
	require.Empty(t, fillerFrame(0))
	require.Len(t, fillerFrame(128), 127, "no frame has 128 bytes: a longer payload takes a longer header")
}

func TestWhatIsUsualIsSubtractedByLength(t *testing.T) {
	t.Parallel()
	usual := counted{transactions: 100, took: 10 * time.Second}
	require.InDelta(t, 300, counted{transactions: 500, took: 20 * time.Second}.less(usual), 1e-9)
}

func TestTheBaselineOfAReplayIsSentWhenAllHaveAsked(t *testing.T) {
	t.Parallel()
	const frames, size = 1000, 448
	url := serveBareFrames(t, fillerFrame(size), frames)
	c := &crowd{failed: make(chan error, 1)}
	o := openOrder{URL: url + bareReplay, Clients: make([]client, 3), Dial: 3}
	m, err := dial(t.Context(), o, client{})
	require.NoError(t, err)
	require.NoError(t, m.send([]byte("second")))
	answer, err := m.next()
	require.NoError(t, err)
	require.Equal(t, "second", string(answer), "no frame has come before")
	m.drop()
	for range 2 {
		_, err := c.openAll(t.Context(), o)
		require.NoError(t, err)
		s, err := c.pull(t.Context(), pullOrder{Bytes: frames * size})
		require.NoError(t, err)
		require.Len(t, s.Each, 3)
		for _, took := range s.Each {
			require.Positive(t, took)
			require.LessOrEqual(t, took, s.Took)
		}
		for _, m := range c.all() {
			require.Zero(t, m.in.Buffered(), "nothing more comes")
		}
		c.cut()
	}
	flooded, err := c.flood(t.Context(), floodOrder{
		openOrder: openOrder{URL: url + bareFrames, Clients: make([]client, 2), Dial: 2}, Bytes: frames * size,
	})
	require.NoError(t, err)
	require.Len(t, flooded.Each, 2)
}

func TestAReplayIsWhatWasMissed(t *testing.T) {
	t.Parallel()
	// A server that echoes answers a resume with the call itself, which is no answer.
	c := &crowd{failed: make(chan error, 1)}
	_, err := c.openAll(t.Context(), openOrder{
		URL:     serveBareFrames(t, plainFrame([]byte(`{"type":3,"invocationId":"1"}`+"\x1e")), 1) + bareReplay,
		Clients: make([]client, 2), Dial: 2,
	})
	require.NoError(t, err)
	_, err = c.replay(t.Context(), stormOrder{First: 1, Events: 1})
	require.ErrorContains(t, err, "was sent ResumeOrder")
	c.cut()
}

func TestFramesHaveTheirSize(t *testing.T) {
	t.Parallel()
	for _, payload := range []int{0, 1, 125, 126, 400, 65_535, 65_536} {
		require.Len(t, plainFrame(make([]byte, payload)), frameSize(payload))
	}
}
