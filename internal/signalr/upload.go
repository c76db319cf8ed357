package signalr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
)

const (
	// uploadItems is how many items of one stream wait for the method: StreamBufferCapacity of ASP.NET Core.
	uploadItems = 10
	// uploadMessages times Config.MaximumMessageSize is how many bytes wait on a connection, all its streams together.
	uploadMessages = 4
)

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
	item argument[T]
	from *upload
}

func (*Upload[T]) uploads() func(in *binding) any {
	item := argumentOf[T]()
	return func(in *binding) any {
		from := &upload{more: make(chan struct{}, 1)}
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
			item, err := u.item.decode(u.from.conn.protocol, raw)
			if err != nil {
				u.from.conn.streams.end(u.from, fmt.Errorf("binding stream item: %w", err))
				continue
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

// upload is a stream from the client, of whatever type.
type upload struct {
	conn *Conn
	ctx  context.Context //nolint:containedctx // of the call that the stream belongs to
	id   string
	more chan struct{} // holds one: something has happened that next may wait for

	// Guarded by the connection's streams.mu.
	items [][]byte // encoded
	ended bool     // there will be no more
	err   error    // why, unless the client has completed the stream
}

// next takes the next item. It waits for one and returns nil where there is none, with the error if it is for one.
func (u *upload) next() ([]byte, error) {
	for {
		over := u.ctx.Err() != nil // before looking: what has arrived ahead of the end counts
		if raw, err, ok := u.conn.streams.take(u); ok {
			return raw, err
		}
		if over {
			if u.conn.ctx.Err() != nil {
				return nil, ErrClosed
			}
			return nil, fmt.Errorf("waiting for the client's stream: %w", context.Cause(u.ctx))
		}
		select {
		case <-u.more:
		case <-u.ctx.Done():
		}
	}
}

// receiveItem is what the reader does with a stream item: where there is no room it waits, and reads nothing meanwhile.
func (c *Conn) receiveItem(m *inbound) {
	for {
		switch c.streams.put(m.invocationID, m.item, uploadMessages*c.host.cfg.MaximumMessageSize) {
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
func (c *Conn) receiveCompletion(m *inbound) {
	var err error
	if m.hasError {
		err = fmt.Errorf("%w: %s", ErrUploadFailed, m.err)
	}
	if c.streams.complete(m.invocationID, err) || c.receiveResult(m) {
		return
	}
	c.host.cfg.Logger.LogAttrs(c.ctx, slog.LevelDebug, "completion of nothing",
		slog.String("hub", c.hub.name), slog.String("connection_id", c.id))
}

type placed int

const (
	taken placed = iota
	unknown
	full
)

// put keeps an item of the stream id, unless more than limit bytes would wait then.
func (s *streams) put(id string, item []byte, limit int) placed {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	switch {
	case u == nil:
		return unknown
	case len(u.items) == uploadItems || s.waiting > 0 && s.waiting+len(item) > limit:
		return full
	}
	u.items = append(u.items, bytes.Clone(item))
	s.waiting += len(item)
	signal(u.more)
	return taken
}

// take returns false where there is neither an item nor an end yet.
func (s *streams) take(u *upload) ([]byte, error, bool) { //nolint:revive // an item, or what there is instead
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(u.items) == 0 {
		return nil, u.err, u.ended
	}
	raw := u.items[0]
	u.items[0] = nil
	u.items = u.items[1:]
	s.waiting -= len(raw)
	signal(s.room)
	return raw, nil, true
}

// complete ends the stream id behind the items that wait. It returns false where there is no such stream.
func (s *streams) complete(id string, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	if u == nil {
		return false
	}
	delete(s.uploads, id)
	u.ended, u.err = true, err
	signal(u.more)
	return true
}

// end ends u at once: what waits is dropped.
func (s *streams) end(u *upload, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(u, err)
}

// drop is end with the lock held.
func (s *streams) drop(u *upload, err error) {
	if s.uploads[u.id] == u {
		delete(s.uploads, u.id)
	}
	for _, item := range u.items {
		s.waiting -= len(item)
	}
	u.items, u.ended, u.err = nil, true, err
	signal(u.more)
	signal(s.room)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
