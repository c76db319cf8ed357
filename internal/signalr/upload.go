package signalr

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// uploadMessages times Config.MaximumMessageSize is how many bytes of items may wait on a connection, in all its
// streams together.
const uploadMessages = 4

// ErrUploadFailed is what [Upload.All] yields, wrapped with the client's text, where the client has ended the stream
// with an error.
var ErrUploadFailed = errors.New("client ended the stream with an error")

// Upload is a stream that the client sends to a hub method. A parameter of type *Upload[T], which may stand anywhere
// among the others, is bound to the next of the invocation's stream ids instead of an argument.
//
// Items that have arrived and were not yet read wait encoded: up to 10 of a stream, and up to four of the largest
// messages of a connection. When there is no more room, nothing is read from the connection. So a method that neither
// reads an upload nor returns holds up all that its client sends, as in .NET. Items that arrive after the method has
// returned, or after the sequence that it has returned is over, are dropped.
type Upload[T any] struct {
	item wire.Argument[T]
	from *upload
}

func (*Upload[T]) uploads() func(in *binding) any {
	item := argumentOf[T]()
	return func(in *binding) any {
		from := &upload{protocol: in.protocol, more: make(chan struct{}, 1)}
		in.uploads = append(in.uploads, from)
		return &Upload[T]{item: item, from: from}
	}
}

// All returns the items in order. They end behind the last one when the client has completed the stream. Otherwise
// the last pair has an error: ErrUploadFailed, ErrClosed where the connection has ended, that of the method's
// context, or that of an item that cannot be decoded. One goroutine at a time may read a stream. A reader that stops
// may go on later.
func (u *Upload[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			raw, err := u.from.next()
			if raw == nil {
				if err != nil {
					var none T
					yield(none, err)
				}
				return
			}
			item, err := u.item.Decode(u.from.protocol, raw)
			if err != nil {
				u.from.streams.end(u.from, fmt.Errorf("binding stream item: %w", err))
				continue
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

// receiveItem takes a stream item on the reader. Where there is no room it waits, and nothing is read meanwhile.
func (c *Conn) receiveItem(m *wire.Inbound) {
	for {
		switch c.streams.put(m.InvocationID, m.Item, uploadMessages*c.host.cfg.MaximumMessageSize) {
		case taken:
			return
		case unknown:
			c.host.cfg.Logger.LogAttrs(c.ctx, slog.LevelDebug, "stream item for no stream",
				slog.String("hub", c.hub.name), slog.String("connection_id", c.id))
			return
		case full:
		}
		select {
		case <-c.streams.room:
		case <-c.ctx.Done():
			return
		}
	}
}

// receiveCompletion ends a stream of the client's, or hands Invoke the result that it waits for.
func (c *Conn) receiveCompletion(m *wire.Inbound) {
	var err error
	if m.HasError {
		err = fmt.Errorf("%w: %s", ErrUploadFailed, m.Err)
	}
	if c.streams.complete(m.InvocationID, err) || c.receiveResult(m) {
		return
	}
	c.host.cfg.Logger.LogAttrs(c.ctx, slog.LevelDebug, "completion of nothing",
		slog.String("hub", c.hub.name), slog.String("connection_id", c.id))
}
