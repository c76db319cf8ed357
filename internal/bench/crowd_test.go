package bench

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestCallsAreAnsweredInOrderOrTheBenchFails(t *testing.T) {
	t.Parallel()
	b := &Invoke{Window: 4}
	o := invokeOrder{Window: 4, Duration: 20 * time.Millisecond}
	o.Requests, o.Replies = b.conversation(newOrders(3), true)
	require.Len(t, o.Requests, 9, "twice the window, and every order as often")

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
				serveBare(conn, nil, 0)
				_ = conn.Close()
			}()
		}
	}()
	pump := func(o invokeOrder) (int, error) {
		m, err := dial(t.Context(), openOrder{URL: "http://" + l.Addr().String() + bareEcho}, client{})
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
		return fmt.Sprintf(`{"type":1,"target":"ReceiveOrderStatusChanged","arguments":[{"orderId":"%s","eventId":"%s","sequence":%d}]}`,
			order, eventOf(order, n), n+1)
	}
	result := func(status string, replayed, last int) string {
		return fmt.Sprintf(`{"type":3,"invocationId":"1","result":{"status":%q,"replayed":%d,"lastEventId":"%s","sequence":%d}}`,
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
		{"one too early", "Sequence:4} instead of", []string{event(3), event(4), event(5), event(6), result("resumed", 3, 6)}},
		{"out of order", "Sequence:6} instead of", []string{event(5), event(4), event(6), result("resumed", 3, 6)}},
		{"a gap", "Status:gap", []string{event(4), event(5), event(6), result("gap", 3, 6)}},
		{"another count", "Replayed:2", []string{event(4), event(5), event(6), result("resumed", 2, 6)}},
		{"another cursor", "instead of", []string{event(4), event(5), event(6), result("resumed", 3, 5)}},
		{"no answer", "not answered", []string{event(4), event(5), event(6)}},
		{"a refusal", "Forbidden", []string{`{"type":3,"invocationId":"1","error":"Forbidden"}`}},
		{"another method", "was sent ReceiveOther", []string{`{"type":1,"target":"ReceiveOther","arguments":[{}]}`}},
		{"no message", "was sent", []string{`{"type"`}},
	} {
		r := returning{&member{client: client{Order: order}}, []byte(strings.Join(test.sent, "\x1e") + "\x1e")}
		if err := r.check(o); test.want == "" {
			require.NoError(t, err, test.name)
		} else {
			require.ErrorContains(t, err, test.want, test.name)
		}
	}
	other := returning{&member{client: client{Order: uuid.New()}}, []byte(event(4) + "\x1e")}
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

func TestWhoLacksOpenFilesIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	require.NoError(t, enoughOpenFiles(1000, 1200))
	require.ErrorContains(t, enoughOpenFiles(1001, 1200), "ulimit -Hn 1201")
	require.NoError(t, enoughOpenFiles(1_000_000, math.MaxUint64), "no limit at all")
}
