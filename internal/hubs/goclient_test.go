package hubs_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	kitlog "github.com/go-kit/log"
	"github.com/google/uuid"
	philippseith "github.com/philippseith/signalr"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// orders has the methods that the hub calls.
type orders struct {
	philippseith.Receiver
	changed chan json.RawMessage
}

func (o *orders) ReceiveOrderStatusChanged(dto json.RawMessage) { o.changed <- dto }

// TestGoClient: the usual Go client of SignalR subscribes, is refused, resumes, and receives.
func TestGoClient(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := uuid.New()
	g := event.OrderGroup(id)
	change := event.Event{Type: event.OrderStatusChanged, ResourceID: id, Audience: event.Customer}
	first := s.publish(g, change)
	s.publish(g, change)
	token := s.token(auth.Grant{Subject: "u", Permissions: []string{g.String()}})

	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	receiver := &orders{changed: make(chan json.RawMessage, 10)}
	client, err := philippseith.NewClient(ctx,
		philippseith.WithConnector(func() (philippseith.Connection, error) {
			return philippseith.NewHTTPConnection(ctx, s.url+event.CustomerOrdersPath+"?access_token="+token,
				philippseith.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}),
				philippseith.WithNegotiateVersion(1))
		}),
		philippseith.WithReceiver(receiver),
		philippseith.WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(1) }),
		philippseith.Logger(kitlog.NewNopLogger(), false))
	require.NoError(t, err)
	client.Start()
	t.Cleanup(client.Stop)
	require.NoError(t, within(t, client.WaitForState(ctx, philippseith.ClientConnected)))

	require.EqualError(t, within(t, client.Invoke("SubscribeToOrder", uuid.New())).Error,
		"An unexpected error occurred invoking 'SubscribeToOrder' on the server. HubException: Forbidden")
	resumed := within(t, client.Invoke("ResumeOrder", id, first.ID))
	require.NoError(t, resumed.Error)
	result, _ := resumed.Value.(map[string]any)
	require.Equal(t, "resumed", result["status"])
	require.EqualValues(t, 1, result["replayed"])
	s.publish(g, change)
	for _, want := range []float64{2, 3} {
		require.Equal(t, want, object(t, within(t, receiver.changed))["sequence"]) //nolint:testifylint // a small integer
	}
	require.NoError(t, within(t, client.Invoke("UnsubscribeFromOrder", id)).Error)
	require.Zero(t, s.b.Members(g))
}

func within[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came in time")
		panic("unreachable")
	}
}
