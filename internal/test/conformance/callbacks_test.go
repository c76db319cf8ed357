package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/yummyzoom/herald/internal/signalr"
)

// queueRoom is how many bytes may wait in a connection's queue before Burst itself waits: less than the server
// allows.
const queueRoom = 256 << 10

// registerCallbacks registers the methods that call the client's methods.
func registerCallbacks(h *signalr.Hub) {
	signalr.Method1(h, "CallMe", func(_ context.Context, c *signalr.Call, text string) (any, error) {
		return nil, send(c.Conn, "Message", text)
	})
	signalr.Method1(h, "SendCustomObject", func(_ context.Context, c *signalr.Call, o customObject) (any, error) {
		return nil, send(c.Conn, "CustomObject", o)
	})
	signalr.Method1(h, "SendLetters", func(_ context.Context, c *signalr.Call, n int) (any, error) {
		return nil, send(c.Conn, "Message", letters(n))
	})
	signalr.Method1(h, "SendManyArguments", func(_ context.Context, c *signalr.Call, text string) (any, error) {
		return nil, send(c.Conn, "Many", text, 1, nil, true, []string{"a", "b"}, map[string]any{"key": 1.5})
	})
	signalr.Method1(h, "Burst", func(ctx context.Context, c *signalr.Call, n int) (any, error) {
		for i := range n {
			if err := c.Conn.WaitQueue(ctx, queueRoom); err != nil {
				return nil, err
			}
			if err := send(c.Conn, "Number", i); err != nil {
				return nil, err
			}
		}
		return n, nil
	})
}

// send calls a method of the client.
func send(c *signalr.Conn, target string, args ...any) error {
	raw, err := encode(args)
	if err != nil {
		return err
	}
	return c.Send(signalr.NewMessage(target, raw))
}

func encode(args []any) ([]json.RawMessage, error) {
	raw := make([]json.RawMessage, len(args))
	for i, a := range args {
		var err error
		if raw[i], err = json.Marshal(a); err != nil {
			return nil, fmt.Errorf("encoding argument: %w", err)
		}
	}
	return raw, nil
}
