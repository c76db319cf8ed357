package signalr

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// uploadMessages times Config.MaximumMessageSize is how many bytes wait on a connection, all its streams together.
const uploadMessages = 4

// ErrUploadFailed is what [Upload.All] yields, wrapped with the client's text, where the client has ended the stream with an
// error.
var ErrUploadFailed = errors.New("client ended the stream with an error")

// Upload is a stream that the client sends to a hub method. A parameter of type *Upload[T], which may stand anywhere among
// the others, is bound to the next of the invocation's stream ids instead of an argument.
//
// What has arrived and was not yet read waits, encoded, up to 10 items of a stream and four of the largest messages of a
// connection. What is more is not read from the connection, nor is anything else: as in .NET, a method that neither reads
// an upload nor returns holds up all that its client sends. Once the method has returned, or the sequence that it has
// returned is over, what still arrives is dropped.
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

// All returns the items in order. They end behind the last one when the client has completed the stream. Otherwise the last
// pair has an error: ErrUploadFailed, ErrClosed where the connection has ended, that of the method's context, or what is
// wrong with an item, behind which there are no more. One goroutine at a time may read a stream; who stops may go on later.
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

// receiveItem is what the reader does with a stream item: where there is no room it waits, and reads nothing meanwhile.
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

// receiveCompletion ends a stream of the client's, or is the result that an Invoke waits for.
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
