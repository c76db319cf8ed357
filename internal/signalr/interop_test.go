package signalr_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/cenkalti/backoff/v4"
	kitlog "github.com/go-kit/log"
	philippseith "github.com/philippseith/signalr"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// receiver has the methods that the server calls.
type receiver struct {
	philippseith.Receiver
	converted chan string
	updated   chan struct{}
}

func (r *receiver) ReceiveConverted(orderID string) { r.converted <- orderID }
func (r *receiver) ReceiveCartUpdated()             { r.updated <- struct{}{} }
func (r *receiver) Double(n int) int                { return 2 * n }

func connectGoClient(
	t *testing.T, f *fixture, r *receiver, options ...func(philippseith.Party) error,
) philippseith.Client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	client, err := philippseith.NewClient(ctx, append(options,
		philippseith.WithConnector(func() (philippseith.Connection, error) {
			return philippseith.NewHTTPConnection(ctx, f.url+"?access_token=user",
				philippseith.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}),
				philippseith.WithNegotiateVersion(1))
		}),
		philippseith.WithReceiver(r),
		philippseith.WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(1) }),
		philippseith.Logger(kitlog.NewNopLogger(), false))...)
	require.NoError(t, err)
	client.Start()
	t.Cleanup(client.Stop)
	require.NoError(t, within(t, client.WaitForState(ctx, philippseith.ClientConnected), "connecting"))
	return client
}

// The server satisfies the Go client of the field.
func TestGoClient(t *testing.T) {
	t.Parallel()
	for _, format := range []philippseith.TransferFormatType{
		philippseith.TransferFormatText, philippseith.TransferFormatBinary,
	} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			testGoClient(t, philippseith.TransferFormat(format))
		})
	}
}

func testGoClient(t *testing.T, option func(philippseith.Party) error) {
	t.Helper()
	f := setup(t)
	r := &receiver{converted: make(chan string, 1000), updated: make(chan struct{}, 1000)}
	client := connectGoClient(t, f, r, option)
	conn := f.opened(t)

	sum := within(t, client.Invoke("Add", 2, 3), "Add")
	require.NoError(t, sum.Error)
	require.EqualValues(t, 5, sum.Value)
	nothing := within(t, client.Invoke("Nothing"), "Nothing")
	require.NoError(t, nothing.Error)
	require.Nil(t, nothing.Value)
	for method, text := range map[string]string{
		"Refuse":       "An unexpected error occurred invoking 'Refuse' on the server. HubException: Forbidden",
		"Panic":        "An unexpected error occurred invoking 'Panic' on the server.",
		"NoSuchMethod": "Failed to invoke 'NoSuchMethod' due to an error on the server. HubException: Method does not exist.",
		"Add":          "Failed to invoke 'Add' due to an error on the server.",
	} {
		require.EqualError(t, within(t, client.Invoke(method), method).Error, text)
	}
	require.NoError(t, within(t, client.Send("Nothing"), "Send"))
	stream := within(t, client.PullStream("Nothing"), "PullStream")
	require.EqualError(t, stream.Error,
		"The client attempted to invoke the non-streaming 'Nothing' method with a streaming invocation.")

	for range 100 {
		require.NoError(t, conn.Send(message("ReceiveConverted", `"f47ac10b-58cc-4372-a567-0e02b2c3d479"`)))
		require.NoError(t, conn.Send(message("ReceiveCartUpdated")))
	}
	for range 100 {
		require.Equal(t, "f47ac10b-58cc-4372-a567-0e02b2c3d479", within(t, r.converted, "ReceiveConverted"))
		within(t, r.updated, "ReceiveCartUpdated")
	}

	client.Stop()
	within(t, f.disconnected, "OnDisconnected")
}

func TestGoClientStreams(t *testing.T) {
	t.Parallel()
	f := setup(t)
	client := connectGoClient(t, f, &receiver{})
	conn := f.opened(t)

	const n = 100 // more than the client's buffers and ours take
	stream := client.PullStream("Numbers", n)
	for i := range n {
		item := within(t, stream, "an item")
		require.NoError(t, item.Error)
		require.EqualValues(t, i, item.Value)
	}
	_, more := <-stream
	require.False(t, more)
	stream = client.PullStream("Break", "refuse")
	broken := within(t, stream, "an item")
	if broken.Error == nil { // the client takes items and the error from two channels, in either order, and ends with the error
		require.Equal(t, "first", broken.Value)
		broken = within(t, stream, "the error")
	}
	require.EqualError(t, broken.Error,
		"An error occurred on the server while streaming results. HubException: Forbidden")

	push := func() <-chan int {
		numbers := make(chan int, n)
		for i := range n {
			numbers <- i
		}
		close(numbers)
		return numbers
	}
	sum := within(t, client.PushStreams("Sum", push()), "the sum")
	require.NoError(t, sum.Error)
	require.EqualValues(t, n*(n-1)/2, sum.Value)
	scaled := within(t, client.PushStreams("Scale", 2, push(), "!"), "the scaled sum")
	require.NoError(t, scaled.Error)
	require.Equal(t, "9900!", scaled.Value)
	require.EqualError(t, within(t, client.PushStreams("Sum", push(), push()), "the error").Error,
		"An unexpected error occurred invoking 'Sum' on the server. HubException: Client sent 2 stream(s), Hub method expects 1.")

	answer := within(t, invoke(t.Context(), conn, "Double", "21"), "the client's result")
	require.NoError(t, answer.err)
	require.Equal(t, "42", string(answer.value))
}

func TestGoClientReconnects(t *testing.T) {
	t.Parallel()
	f := setup(t)
	client := connectGoClient(t, f, &receiver{})
	f.opened(t).Close("", true)
	within(t, f.disconnected, "OnDisconnected")
	again := f.opened(t)
	require.NoError(t, within(t, client.WaitForState(t.Context(), philippseith.ClientConnected), "connecting again"))
	require.NoError(t, within(t, client.Invoke("Nothing"), "Nothing").Error)
	require.IsType(t, &signalr.Conn{}, again)
}
