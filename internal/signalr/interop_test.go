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

func connectGoClient(t *testing.T, f *fixture, r *receiver, options ...func(philippseith.Party) error) philippseith.Client {
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

// The Go client of the field is a peer that the server has to satisfy.
func TestGoClient(t *testing.T) {
	t.Parallel()
	for _, format := range []philippseith.TransferFormatType{philippseith.TransferFormatText, philippseith.TransferFormatBinary} {
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
	require.EqualError(t, stream.Error, "The client attempted to invoke the non-streaming 'Nothing' method with a streaming invocation.")

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
