package hubclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/signalr"
)

// registerMethods gives the hub methods to invoke.
func registerMethods(s *signalr.Hub) {
	signalr.Method1(s, "Echo", func(_ context.Context, _ *signalr.Call, v json.RawMessage) (any, error) { return v, nil })
	signalr.Method0(s, "Nothing", func(context.Context, *signalr.Call) (any, error) { return nil, nil })
	signalr.Method0(s, "Fail", func(context.Context, *signalr.Call) (any, error) { return nil, errors.New("a secret") })
	signalr.Method0(s, "Hang", func(ctx context.Context, _ *signalr.Call) (any, error) {
		<-ctx.Done()
		return nil, nil
	})
	signalr.Method1(s, "Count", func(_ context.Context, call *signalr.Call, n int) (any, error) {
		for i := range n {
			if err := call.Conn.Send(signalr.NewMessage("Number", []json.RawMessage{fmt.Append(nil, i)})); err != nil {
				return nil, err
			}
		}
		return n, nil
	})
}

func open(t *testing.T, h *hub, on func(hubclient.Invocation)) *hubclient.Connection {
	t.Helper()
	c, err := hubclient.Connect(t.Context(), h.config(), event.CustomerOrdersPath, on)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestInvokeReturnsTheServersBytes(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	c := open(t, h, nil)
	for _, raw := range []string{`9007199254740993`, `{"b":1,"a":[1.50,null]}`, `"\u001e\"<x>"`, `null`, `false`, `""`} {
		result, err := c.Invoke(t.Context(), "Echo", json.RawMessage(raw))
		require.NoError(t, err)
		require.JSONEq(t, raw, string(result))
	}
	big, err := c.Invoke(t.Context(), "Echo", json.RawMessage(`9007199254740993`))
	require.NoError(t, err)
	require.Equal(t, `9007199254740993`, string(big))
	nothing, err := c.Invoke(t.Context(), "Nothing")
	require.NoError(t, err)
	require.Equal(t, "null", string(nothing))
}

func TestInvokeReturnsTheServersError(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	c := open(t, h, nil)
	_, err := c.Invoke(t.Context(), "Fail")
	var failed *hubclient.HubError
	require.ErrorAs(t, err, &failed)
	require.Equal(
		t, hubclient.HubError{Method: "Fail", Message: "An unexpected error occurred invoking 'Fail' on the server."},
		*failed,
	)
	_, err = c.Invoke(t.Context(), "Nothing") // the connection lives on
	require.NoError(t, err)
}

func TestInvokeConcurrently(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	c := open(t, h, nil)
	var calls sync.WaitGroup
	for i := range 200 {
		calls.Go(func() {
			result, err := c.Invoke(t.Context(), "Echo", i)
			if err != nil || string(result) != strconv.Itoa(i) {
				t.Errorf("Echo(%d) = %s, %v", i, result, err)
			}
		})
	}
	calls.Wait()
}

// When Invoke returns, every invocation that the server sent before its answer has been delivered, in order.
func TestInvokeReturnsBehindInvocations(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	var got []string
	c := open(t, h, func(i hubclient.Invocation) {
		if i.Method == "Number" {
			got = append(got, string(i.Arguments[0]))
		}
	})
	for range 5 {
		_, err := c.Invoke(t.Context(), "Count", 1000)
		require.NoError(t, err)
	}
	require.Len(t, got, 5000)
	for i, n := range got {
		require.Equal(t, strconv.Itoa(i%1000), n)
	}
}

func TestInvokeGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	c := open(t, h, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	bored := errors.New("bored")
	failed := make(chan error, 2)
	for range 2 { // one in progress, one waiting for its turn
		go func() {
			_, err := c.Invoke(ctx, "Hang")
			failed <- err
		}()
	}
	cancel(bored)
	for range 2 {
		require.ErrorIs(t, within(t, failed, "Invoke"), bored)
	}
}

func TestCloseEndsInvocations(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	c := open(t, h, nil)
	require.NoError(t, c.Err())
	require.NotEmpty(t, c.ID())
	failed := make(chan error, 1)
	go func() {
		_, err := c.Invoke(context.Background(), "Hang")
		failed <- err
	}()
	c.Close()
	c.Close()
	require.Error(t, within(t, failed, "Invoke"))
	<-c.Done()
	require.Error(t, c.Err())
	_, err := c.Invoke(t.Context(), "Nothing")
	require.Error(t, err)
}

func TestInvokeEndsWithTheServer(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	c := open(t, h, nil)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Invoke(context.Background(), "Hang")
		failed <- err
	}()
	h.kill()
	require.Error(t, within(t, failed, "Invoke"))
	require.Error(t, c.Err())
	h.start(t)
}
