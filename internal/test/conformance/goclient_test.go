package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	kitlog "github.com/go-kit/log"
	philippseith "github.com/philippseith/signalr"
	"github.com/stretchr/testify/require"
)

// goCombination is a transport and a format that the Go client has. It has no long polling.
type goCombination struct {
	name      string
	transport philippseith.TransportType
	format    philippseith.TransferFormatType
	version   int // of negotiate
	many      int // messages at once
}

// The Go client loses an event that it reads in two parts from an event stream (clientsseconnection.go), so there
// many is a few small messages. It posts to the public connection id, which is the token only in version 0 of
// negotiate (httpconnection.go).
var goCombinations = []goCombination{
	{"WebSockets/json", philippseith.TransportWebSockets, philippseith.TransferFormatText, 1, 1000},
	{"WebSockets/messagepack", philippseith.TransportWebSockets, philippseith.TransferFormatBinary, 1, 1000},
	{"ServerSentEvents/json", philippseith.TransportServerSentEvents, philippseith.TransferFormatText, 0, 20},
}

// receiver has the methods that the server calls.
type receiver struct {
	messages chan string
	numbers  chan int
	objects  chan customObject
}

func newReceiver() *receiver {
	return &receiver{
		messages: make(chan string, 100), numbers: make(chan int, 10_000), objects: make(chan customObject, 100),
	}
}

func (r *receiver) Message(text string)         { r.messages <- text }
func (r *receiver) Number(n int)                { r.numbers <- n }
func (r *receiver) CustomObject(o customObject) { r.objects <- o }
func (r *receiver) Double(n int) int            { return 2 * n }

// goClient is a connection of the Go client.
type goClient struct {
	philippseith.Client
	*receiver
}

func (g goCombination) connect(t *testing.T, w *world) goClient {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	transport := &http.Transport{DisableKeepAlives: true}
	r := newReceiver()
	client, err := philippseith.NewClient(ctx,
		philippseith.WithConnector(func() (philippseith.Connection, error) {
			return philippseith.NewHTTPConnection(ctx, w.url+"/default",
				philippseith.WithHTTPClient(&http.Client{Transport: transport}),
				philippseith.WithTransports(g.transport),
				philippseith.WithNegotiateVersion(g.version))
		}),
		philippseith.TransferFormat(g.format),
		philippseith.MaximumReceiveMessageSize(largestMessage),
		philippseith.WithReceiver(r),
		philippseith.WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(10 * time.Millisecond) }),
		philippseith.Logger(kitlog.NewNopLogger(), false))
	require.NoError(t, err)
	client.Start()
	t.Cleanup(client.Stop)
	require.NoError(t, within(t, client.WaitForState(ctx, philippseith.ClientConnected), "connecting"))
	return goClient{Client: client, receiver: r}
}

func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "did not happen: "+what)
		panic("unreachable")
	}
}

// outcomeOf waits for the result of a call. The client sends the value and the error one by one, in any order.
func outcomeOf(t *testing.T, call <-chan philippseith.InvokeResult) philippseith.InvokeResult {
	t.Helper()
	var all philippseith.InvokeResult
	late := time.After(patience)
	for {
		select {
		case part, more := <-call:
			if !more {
				return all
			}
			if part.Value != nil {
				all.Value = part.Value
			}
			if part.Error != nil {
				all.Error = part.Error
			}
		case <-late:
			require.FailNow(t, "no completion")
		}
	}
}

// result invokes a method, which must succeed.
func (c goClient) result(t *testing.T, method string, args ...any) any {
	t.Helper()
	r := outcomeOf(t, c.Invoke(method, args...))
	require.NoError(t, r.Error, method)
	return r.Value
}

// identify finds the server's side of the connection.
func (c goClient) identify(t *testing.T, w *world) (string, *peer) {
	t.Helper()
	id, ok := c.result(t, "ConnectionID").(string)
	require.True(t, ok)
	w.mu.Lock()
	defer w.mu.Unlock()
	return id, w.peers[id]
}

// TestGoClient runs the Go client of the field, philippseith/signalr, where its own protocol allows.
func TestGoClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	for _, g := range goCombinations {
		for name, test := range map[string]func(*testing.T, *world, goCombination){
			"results":    goResults,
			"errors":     goErrors,
			"callbacks":  goCallbacks,
			"streams":    goStreams,
			"uploads":    goUploads,
			"asked":      goAsked,
			"reconnects": goReconnects,
			"closes":     goCloses,
		} {
			t.Run(g.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t, w, g)
			})
		}
	}
}

func goResults(t *testing.T, w *world, g goCombination) {
	t.Helper()
	c := g.connect(t, w)
	require.EqualValues(t, 5, c.result(t, "Add", 2, 3))
	require.Nil(t, c.result(t, "Nothing"))
	require.Equal(t, "你好，世界！ 𝄞", c.result(t, "Echo", "你好，世界！ 𝄞"))
	require.Nil(t, c.result(t, "EchoNullableString", nil))
	require.Equal(t, true, c.result(t, "EchoBool", true))
	require.EqualValues(t, -1<<53+1, c.result(t, "EchoInt", -1<<53+1))
	require.EqualValues(t, 0.1, c.result(t, "EchoFloat", 0.1)) //nolint:testifylint // exactly what was sent
	// A map of any type.
	require.Equal(t, "map[Name:n Value:7]",
		fmt.Sprint(c.result(t, "EchoCustomObject", customObject{Name: "n", Value: 7})))
	require.Len(t, c.result(t, "Letters", 30*g.many), 30*g.many)
	for i := range 100 {
		require.NoError(t, within(t, c.Send("Note", i), "Note"))
	}
}

func goErrors(t *testing.T, w *world, g goCombination) {
	t.Helper()
	c := g.connect(t, w)
	for _, x := range []struct {
		method string
		args   []any
		text   string
	}{
		{"Refuse", []any{"No."}, "An unexpected error occurred invoking 'Refuse' on the server. HubException: No."},
		{"Fail", []any{"a secret"}, "An unexpected error occurred invoking 'Fail' on the server."},
		{"Panic", []any{"a secret"}, "An unexpected error occurred invoking 'Panic' on the server."},
		{
			"NoSuchMethod", nil,
			"Failed to invoke 'NoSuchMethod' due to an error on the server. HubException: Method does not exist.",
		},
		{"Add", []any{1}, "Failed to invoke 'Add' due to an error on the server."},
		{"EchoInt", []any{"seven"}, "Failed to invoke 'EchoInt' due to an error on the server."},
	} {
		require.EqualError(t, outcomeOf(t, c.Invoke(x.method, x.args...)).Error, x.text)
	}
	require.EqualError(t, outcomeOf(t, c.PullStream("Nothing")).Error,
		"The client attempted to invoke the non-streaming 'Nothing' method with a streaming invocation.")
	require.EqualValues(t, 5, c.result(t, "Add", 2, 3))
}

func goCallbacks(t *testing.T, w *world, g goCombination) {
	t.Helper()
	c := g.connect(t, w)
	require.Nil(t, c.result(t, "CallMe", "你好"))
	require.Equal(t, "你好", within(t, c.messages, "Message"))
	require.Nil(t, c.result(t, "SendCustomObject", customObject{Name: "test", Value: 42}))
	require.Equal(t, customObject{Name: "test", Value: 42}, within(t, c.objects, "CustomObject"))
	// The client starts a goroutine for each call, so their order is lost.
	require.EqualValues(t, g.many, c.result(t, "Burst", g.many))
	seen := map[int]bool{}
	for range g.many {
		seen[within(t, c.numbers, "Number")] = true
	}
	require.Len(t, seen, g.many)
}

func goStreams(t *testing.T, w *world, g goCombination) {
	t.Helper()
	c := g.connect(t, w)
	stream := c.PullStream("Count", g.many)
	for i := range g.many {
		item := within(t, stream, "an item")
		require.NoError(t, item.Error)
		require.EqualValues(t, i, item.Value)
	}
	_, more := <-stream
	require.False(t, more)
	// The error may overtake the items before it in the client.
	require.EqualError(t, outcomeOf(t, c.PullStream("CountAndRefuse", 1, "No.")).Error,
		"An error occurred on the server while streaming results. HubException: No.")
	require.EqualError(t, outcomeOf(t, c.PullStream("StreamRefuse", "No.")).Error,
		"An unexpected error occurred invoking 'StreamRefuse' on the server. HubException: No.")
	require.EqualError(t, outcomeOf(t, c.Invoke("EmptyStream")).Error,
		"The client attempted to invoke the streaming 'EmptyStream' method with a non-streaming invocation.")
}

func goUploads(t *testing.T, w *world, g goCombination) {
	t.Helper()
	c := g.connect(t, w)
	push := func(items ...string) <-chan string {
		all := make(chan string, len(items))
		for _, item := range items {
			all <- item
		}
		close(all)
		return all
	}
	pushed := func(method string, args ...any) philippseith.InvokeResult {
		return outcomeOf(t, c.PushStreams(method, args...))
	}
	require.Equal(t, philippseith.InvokeResult{Value: "Hello world!"}, pushed("Concat", push("Hello ", "world", "!")))
	require.Equal(t, philippseith.InvokeResult{Value: "a-b-c"}, pushed("Join", push("a", "b", "c"), "-"))
	require.Equal(t, philippseith.InvokeResult{Value: "ab|cd"}, pushed("JoinTwo", push("a", "b"), "|", push("c", "d")))
	require.EqualError(t, pushed("Concat", push("a"), push("b")).Error,
		"An unexpected error occurred invoking 'Concat' on the server. HubException: Client sent 2 stream(s), Hub method expects 1.")
	require.EqualError(t, pushed("RefuseUpload", push("a")).Error,
		"An unexpected error occurred invoking 'RefuseUpload' on the server. HubException: Not wanted.")
}

func goAsked(t *testing.T, w *world, g goCombination) {
	t.Helper()
	c := g.connect(t, w)
	id, _ := c.identify(t, w)
	result, err := w.do(t.Context(), "ask", controlArgument{Connection: id, Target: "Double", Args: []any{21}})
	require.NoError(t, err)
	require.Equal(t, answer{Result: json.RawMessage("42")}, result)
}

func goReconnects(t *testing.T, _ *world, g goCombination) {
	t.Helper()
	w := newWorld(t, 1) // of its own: the next client to arrive there is this one again
	c := g.connect(t, w)
	before, p := c.identify(t, w)
	w.mu.Lock()
	arrived := w.arrived
	w.mu.Unlock()
	_ = c.State() // takes the lock that the client forgets in a call, so that the call is ordered before the reconnection
	p.conn.Close("", true)
	within(t, arrived, "the second connection") // and no call before: the client may be using its next connection already
	require.NoError(t, within(t, c.WaitForState(t.Context(), philippseith.ClientConnected), "reconnecting"))
	require.NotEqual(t, before, c.result(t, "ConnectionID"))
	require.Nil(t, c.result(t, "CallMe", "again"))
	require.Equal(t, "again", within(t, c.messages, "Message"))
}

func goCloses(t *testing.T, w *world, g goCombination) {
	t.Helper()
	c := g.connect(t, w)
	_, p := c.identify(t, w)
	call := c.Invoke("Hold", t.Name())
	p.conn.Close("Time is up.", false)
	require.Error(t, outcomeOf(t, call).Error)
	within(t, p.ended, "OnDisconnected")
	// The test cannot see that the client stays away: the client's state is behind a lock that it may hold for good by
	// now.
}
