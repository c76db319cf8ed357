package signalr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// clientAnswer is what Invoke has returned.
type clientAnswer struct {
	value json.RawMessage
	err   error
}

func invoke(ctx context.Context, conn *signalr.Conn, target string, args ...string) <-chan clientAnswer {
	raw := make([]json.RawMessage, len(args))
	for i, a := range args {
		raw[i] = json.RawMessage(a)
	}
	result := make(chan clientAnswer, 1)
	go func() {
		value, err := conn.Invoke(ctx, target, raw)
		result <- clientAnswer{value, err}
	}()
	return result
}

func TestInvokeClient(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, conn := f.connect(t)

	result := invoke(t.Context(), conn, "Question", `1`, `{"a":"b"}`)
	c.expect(`{"type":1,"invocationId":"s1","target":"Question","arguments":[1,{"a":"b"}]}`)
	other := invoke(t.Context(), conn, "Other")
	c.expect(`{"type":1,"invocationId":"s2","target":"Other","arguments":[]}`)
	c.send(`{"type":3,"invocationId":"s2","error":"no"}`, `{"type":3,"invocationId":"s1","result":[1, 2]}`)
	require.JSONEq(t, `[1,2]`, string(within(t, result, "the result").value))
	var refusal *signalr.HubError
	require.ErrorAs(t, within(t, other, "the error").err, &refusal)
	require.Equal(t, "no", refusal.Message)

	// A caller whose context ends stops waiting, and the client's answer is ignored.
	gaveUp := errors.New("gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	result = invoke(ctx, conn, "Question")
	c.expect(`{"type":1,"invocationId":"s3","target":"Question","arguments":[]}`)
	cancel(gaveUp)
	require.ErrorIs(t, within(t, result, "giving up").err, gaveUp)
	c.send(`{"type":3,"invocationId":"s3","result":1}`)

	result = invoke(t.Context(), conn, "Question")
	c.expect(`{"type":1,"invocationId":"s4","target":"Question","arguments":[]}`)
	require.NoError(t, c.conn.Close())
	require.ErrorIs(t, within(t, result, "the connection's end").err, signalr.ErrClosed)
	_, err := conn.Invoke(t.Context(), "Question", nil)
	require.ErrorIs(t, err, signalr.ErrClosed)
}

func TestInvokeClientIsLimited(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.MaximumStreams = 2 })
	c, conn := f.connect(t)
	first := invoke(t.Context(), conn, "Question")
	c.expect(`{"type":1,"invocationId":"s1","target":"Question","arguments":[]}`)
	ctx, cancel := context.WithCancel(t.Context())
	second := invoke(ctx, conn, "Question")
	c.expect(`{"type":1,"invocationId":"s2","target":"Question","arguments":[]}`)
	_, err := conn.Invoke(t.Context(), "Question", nil)
	require.ErrorIs(t, err, signalr.ErrTooManyResults)
	cancel()
	require.ErrorIs(t, within(t, second, "the result").err, context.Canceled)
	third := invoke(t.Context(), conn, "Question")
	c.expect(`{"type":1,"invocationId":"s3","target":"Question","arguments":[]}`)
	c.send(`{"type":3,"invocationId":"s2","result":"late"}`, `{"type":3,"invocationId":"s3","result":3}`,
		`{"type":3,"invocationId":"s1","result":1}`)
	require.Equal(t, "3", string(within(t, third, "the result").value))
	require.Equal(t, "1", string(within(t, first, "the result").value))
}

// Code on the reader would wait for itself. It may ask another connection's client.
func TestInvokeClientOnTheReader(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	refused := make(chan error, 1)
	f.hub.OnConnected(func(ctx context.Context, c *signalr.Conn) error {
		_, err := c.Invoke(ctx, "Question", nil)
		refused <- err
		f.conns <- c
		return nil
	})
	others := make(chan *signalr.Conn, 1)
	signalr.Method0(f.hub, "AskOther", func(ctx context.Context, _ *signalr.Call) (any, error) {
		return (<-others).Invoke(ctx, "Question", nil)
	})
	serve(t, f, f.handler())
	c, _ := f.connect(t)
	require.EqualError(t, <-refused, "Client results inside OnConnectedAsync Hub methods are not allowed.")
	other, conn := f.connect(t)
	<-refused
	others <- conn
	c.send(`{"type":1,"invocationId":"1","target":"AskOther","arguments":[]}`)
	other.expect(`{"type":1,"invocationId":"s1","target":"Question","arguments":[]}`)
	other.send(`{"type":3,"invocationId":"s1","result":"me"}`)
	c.expect(`{"type":3,"invocationId":"1","result":"me"}`)
}

// The server invokes the client, which invokes the server, which …
func TestNestedInvocations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signalr.Method2(f.hub, "Down", func(
		ctx context.Context, c *signalr.Call, n int, _ *signalr.Upload[int],
	) (any, error) {
		if n == 0 {
			return "bottom", nil
		}
		return c.Conn.Invoke(ctx, "Deeper", []json.RawMessage{json.RawMessage(strconv.Itoa(n - 1))})
	})
	serve(t, f, f.handler())
	c, _ := f.connect(t)
	const depth = 20
	for n := depth; n >= 0; n-- {
		c.send(fmt.Sprintf(`{"type":1,"invocationId":"%d","target":"Down","arguments":[%d],"streamIds":["u%d"]}`, n, n, n))
		if n > 0 {
			c.expect(fmt.Sprintf(`{"type":1,"invocationId":"s%d","target":"Deeper","arguments":[%d]}`, depth-n+1, n-1))
		}
	}
	for n := range depth {
		c.expect(fmt.Sprintf(`{"type":3,"invocationId":"%d","result":"bottom"}`, n))
		c.send(fmt.Sprintf(`{"type":3,"invocationId":"s%d","result":"bottom"}`, depth-n))
	}
	c.expect(fmt.Sprintf(`{"type":3,"invocationId":"%d","result":"bottom"}`, depth))
}
